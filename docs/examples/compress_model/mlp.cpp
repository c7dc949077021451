// SPDX-License-Identifier: MIT
// Forward, backward and Adam, with Eigen.
#include "mlp.hpp"

#include "random.hpp"

#include <cmath>
#include <numbers>
#include <vector>

namespace demo {
namespace {

constexpr std::array<Eigen::Index, 4> widths{picture_size, 500, 100, 1};
constexpr std::size_t depth = widths.size() - 1;

// Adam's memory of one array of parameters.
template <class Parameters>
class adam {
public:
    explicit adam(const Parameters& like)
        : mean_(Parameters::Zero(like.rows(), like.cols())), square_(Parameters::Zero(like.rows(), like.cols())) {}

    void update(Parameters& parameters, const Parameters& gradient, float rate, int step) {
        constexpr float keep_mean = 0.9f, keep_square = 0.999f, tiny = 1e-8f;
        mean_ = keep_mean * mean_ + (1 - keep_mean) * gradient;
        square_ = keep_square * square_ + (1 - keep_square) * gradient.cwiseAbs2();
        // Both averages start at zero; what that costs them early on is given back here.
        const float mean_scale = 1 / (1 - std::pow(keep_mean, static_cast<float>(step)));
        const float square_scale = 1 / (1 - std::pow(keep_square, static_cast<float>(step)));
        parameters.array() -= rate * mean_scale * mean_.array() / ((square_scale * square_.array()).sqrt() + tiny);
    }

private:
    Parameters mean_, square_;
};

struct optimizer {
    explicit optimizer(const layer& l) : weights(l.weights), bias(l.bias) {}
    adam<matrix> weights;
    adam<vector> bias;
};

// log(1 + e^z) - z * y without overflow.
double cross_entropy(const vector& z, const vector& y) {
    return static_cast<double>((z.cwiseMax(0.0f).array() - z.array() * y.array() + (1 + (-z.array().abs()).exp()).log()).sum());
}

} // namespace

mlp::mlp(std::uint64_t seed) {
    random_source random(seed);
    for (std::size_t i = 0; i < depth; ++i) {
        const float deviation = std::sqrt(2.0f / static_cast<float>(widths[i]));
        layers[i].weights = matrix::NullaryExpr(widths[i + 1], widths[i], [&] { return random.bell(deviation); });
        layers[i].bias = vector::Zero(widths[i + 1]);
    }
}

Eigen::Index mlp::weight_count() const {
    Eigen::Index count = 0;
    for (const layer& l : layers) count += l.weights.size();
    return count;
}

Eigen::Index mlp::bias_count() const {
    Eigen::Index count = 0;
    for (const layer& l : layers) count += l.bias.size();
    return count;
}

void forward(const mlp& model, const matrix& pictures, activations& out) {
    const matrix* in = &pictures;
    for (std::size_t i = 0; i < depth; ++i) {
        const layer& l = model.layers[i];
        out[i].noalias() = *in * l.weights.transpose();
        out[i].rowwise() += l.bias.transpose();
        if (i + 1 < depth) out[i] = out[i].cwiseMax(0.0f);
        in = &out[i];
    }
}

void train(mlp& model, const dataset& examples, const training& how, const epoch_callback& epoch_done,
           const step_callback& step_done) {
    random_source random(how.seed);
    std::vector<optimizer> optimizers(model.layers.begin(), model.layers.end());
    const Eigen::Index batches = examples.size() / how.batch;
    const int steps = how.epochs * static_cast<int>(batches);
    activations values;
    int step = 0;
    for (int epoch = 1; epoch <= how.epochs; ++epoch) {
        const std::vector<Eigen::Index> order = random.permutation(examples.size());
        double loss = 0;
        for (Eigen::Index b = 0; b < batches; ++b) {
            const auto chosen =
                Eigen::Map<const Eigen::Matrix<Eigen::Index, Eigen::Dynamic, 1>>(order.data() + b * how.batch, how.batch);
            const matrix pictures = examples.pictures(chosen, Eigen::all);
            const vector odd = examples.odd(chosen);
            forward(model, pictures, values);
            const vector z = values.back();
            loss += cross_entropy(z, odd);

            // Backward: `error` is the derivative of the mean loss by the values that leave layer i.
            const float progress = static_cast<float>(step++) / static_cast<float>(steps);
            const float rate = how.learning_rate * 0.5f * (1 + std::cos(std::numbers::pi_v<float> * progress));
            matrix error = ((1 + (-z.array()).exp()).inverse() - odd.array()) / static_cast<float>(how.batch);
            for (std::size_t i = depth; i-- > 0;) {
                layer& l = model.layers[i];
                const matrix& in = i == 0 ? pictures : values[i - 1];
                const matrix weight_gradient = error.transpose() * in;
                const vector bias_gradient = error.colwise().sum().transpose();
                if (i > 0) error = ((error * l.weights).array() * (in.array() > 0).cast<float>()).matrix().eval();
                optimizers[i].weights.update(l.weights, weight_gradient, rate, step);
                optimizers[i].bias.update(l.bias, bias_gradient, rate, step);
            }
            step_done(model, step, steps);
        }
        epoch_done(loss / static_cast<double>(batches * how.batch));
    }
}

} // namespace demo
