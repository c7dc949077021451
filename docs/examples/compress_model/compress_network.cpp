// SPDX-License-Identifier: MIT
// The whole story: digits, a float network, the same network under every policy, one table, one picture.
#include "../common/table.hpp"
#include "chart.hpp"
#include "compressed_mlp.hpp"
#include "digits.hpp"
#include "jobs.hpp"
#include "measure.hpp"
#include "mnist.hpp"
#include "output_file.hpp"
#include "policies.hpp"
#include "progress.hpp"
#include "retrain.hpp"

#include <lowbit/isa/active.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace demo {
namespace {

struct outcome {
    std::string policy;
    double accuracy;                        // percent
    std::optional<double> wanda, retrained; // the same where norms choose what is pruned, and after more training
    std::size_t bytes;
    double bits;
    std::string sqnr;
    double microseconds_1, microseconds_64;
};

// Everything that is measured on a forward pass; the rest is the caller's to know.
template <class Forward>
outcome examine(const std::string& policy, const dataset& test, const options& how, Forward forward) {
    const double seconds = how.quick ? 0.01 : 0.25;
    outcome out{};
    out.policy = policy;
    out.accuracy = accuracy(test, forward);
    out.microseconds_1 = latency(test, 1, seconds, forward);
    out.microseconds_64 = latency(test, 64, seconds, forward);
    return out;
}

split digits_for(const options& how) {
    const stage reading(how.mnist.empty() ? "drawing digits" : "reading digits", 0, how.quiet);
    if (!how.mnist.empty()) return mnist_digits(how.mnist, how.seed);
    const Eigen::Index train = how.quick ? 1000 : 10000, test = how.quick ? 500 : 4000;
    // Two seeds that no other choice of --seed uses: the sets never share a picture.
    return {generated_digits(train, 2 * how.seed), generated_digits(test, 2 * how.seed + 1)};
}

training plan_of(const options& how, int epochs) {
    training plan;
    plan.epochs = epochs;
    plan.seed = how.seed;
    return plan;
}

mlp trained_on(const dataset& examples, const options& how) {
    mlp model(how.seed);
    stage learning("training", how.epochs, how.quiet);
    train(model, examples, plan_of(how, how.epochs), [&](double loss) {
        learning.step("loss " + number(loss, 4));
        learning.conclude("loss " + number(loss, 4));
    });
    return model;
}

// The network after more training under each kind of mask, and under none, to compare with.
std::map<const mask_kind*, mlp> retrained(const mlp& model, const dataset& examples, const std::vector<named_policy>& chosen,
                                          const options& how) {
    std::map<const mask_kind*, mlp> networks;
    const bool prunes = std::any_of(chosen.begin(), chosen.end(), [](const named_policy& p) { return p.mask != nullptr; });
    if (how.retrain == 0 || !prunes) return networks;
    networks.emplace(nullptr, model);
    for (const named_policy& p : chosen) networks.emplace(p.mask, model);
    stage learning("pruning and training on", static_cast<int>(networks.size()), how.quiet);
    for (auto& [mask, network] : networks) {
        retrain(network, mask, examples, plan_of(how, how.retrain));
        learning.step();
    }
    return networks;
}

std::vector<outcome> compare(const mlp& model, const split& digits, const options& how) {
    const std::vector<named_policy> chosen = policies(how.policies);
    const std::map<const mask_kind*, mlp> later = retrained(model, digits.train, chosen, how);
    const norms inputs = norms_of_inputs(model, digits.train.pictures);
    stage comparing("compressing and testing", static_cast<int>(chosen.size()) + 1, how.quiet);

    std::vector<outcome> outcomes;
    const auto float_forward = [](const mlp& network) {
        return [&network](const matrix& pictures, activations& out) { forward(network, pictures, out); };
    };
    outcome& reference = outcomes.emplace_back(examine("float", digits.test, how, float_forward(model)));
    if (!later.empty()) reference.retrained = accuracy(digits.test, float_forward(later.at(nullptr)));
    reference.bytes = sizeof(float) * static_cast<std::size_t>(model.weight_count());
    reference.bits = 32;
    reference.sqnr = "-";
    comparing.step();

    workers pool(how.threads);
    const auto forward_of = [&pool](const compressed_mlp& network) {
        return [&](const matrix& pictures, activations& out) { network.forward(pictures, out, pool); };
    };
    for (const named_policy& policy : chosen) {
        const compressed_mlp compressed(model, policy);
        outcome& out = outcomes.emplace_back(examine(policy.name, digits.test, how, forward_of(compressed)));
        out.bytes = compressed.cost().bytes();
        out.bits = compressed.cost().bits_per_weight();
        out.sqnr = number(compressed.cost().sqnr_db(), 1);
        if (policy.mask != nullptr) out.wanda = accuracy(digits.test, forward_of(compressed_mlp(model, policy, inputs)));
        if (!later.empty()) out.retrained = accuracy(digits.test, forward_of(compressed_mlp(later.at(policy.mask), policy)));
        comparing.step(policy.name);
    }
    return outcomes;
}

} // namespace

void compress_network(const options& how) {
    const output_file svg(how.svg), csv(how.csv); // a wrong path must not cost a training first

    const split digits = digits_for(how);
    const mlp model = trained_on(digits.train, how);
    const std::vector<outcome> outcomes = compare(model, digits, how);

    table result(
        {"policy", "accuracy %", "Wanda %", "retrained %", "bytes", "bits/weight", "SQNR dB", "batch 1 us", "batch 64 us"});
    std::vector<chart_point> points;
    for (const outcome& o : outcomes) {
        const auto percent = [](std::optional<double> accuracy) { return accuracy ? number(*accuracy, 2) : "-"; };
        result.add({o.policy, percent(o.accuracy), percent(o.wanda), percent(o.retrained), count(o.bytes), number(o.bits, 2),
                    o.sqnr, number(o.microseconds_1, 1), number(o.microseconds_64, 1)});
        const bool was_retrained = o.wanda && o.retrained; // pruned, that is
        points.push_back({o.policy, static_cast<double>(o.bytes), was_retrained ? *o.retrained : o.accuracy,
                          was_retrained ? std::optional(o.accuracy) : std::nullopt});
    }

    const std::string digits_name = how.mnist.empty() ? "generated digits" : "MNIST digits";
    const auto threads = [](std::size_t n) { return std::to_string(n) + (n == 1 ? " thread" : " threads"); };
    const double wrong = 1 - outcomes.front().accuracy / 100;
    const double doubt = 200 * std::sqrt(wrong * (1 - wrong) / static_cast<double>(digits.test.size())); // two standard errors
    std::printf("A 1000-500-100-1 network that tells odd from even: %s, %td to learn from, %td to be tested on\n\n%s\n",
                digits_name.c_str(), digits.train.size(), digits.test.size(), result.text().c_str());
    std::printf("accuracy: known to about %.1f %%; of pruned policies with the smallest weights gone\n"
                "Wanda: with those gone that are smallest times the norm of their input\n",
                doubt);
    if (how.retrain > 0) {
        std::printf(
            "retrained: after %d more epochs, in which the weights go little by little and the others learn to do without\n"
            "    (float and unpruned policies: after as many, with nothing gone)\n",
            how.retrain);
    }
    std::printf("bytes: all weights with their scales, zero points and masks; the biases, %zu bytes, stay float in every row\n"
                "us: median of one forward pass; lowbit on %s at level %s, float through Eigen on %s as compiled here\n",
                sizeof(float) * static_cast<std::size_t>(model.bias_count()), threads(how.threads).c_str(),
                std::string(name(lb::isa::active())).c_str(), threads(static_cast<std::size_t>(Eigen::nbThreads())).c_str());

    svg.write(accuracy_chart("Accuracy against size: a 1000-500-100-1 network on " + digits_name, points));
    csv.write(result.csv());
    if (!how.svg.empty()) std::printf("picture: %s\n", how.svg.c_str());
}

} // namespace demo
