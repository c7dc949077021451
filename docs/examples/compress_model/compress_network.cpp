// SPDX-License-Identifier: MIT
// The whole story: digits, a float network, the same network under every policy, one table, one picture.
#include "chart.hpp"
#include "compressed.hpp"
#include "digits.hpp"
#include "jobs.hpp"
#include "measure.hpp"
#include "mnist.hpp"
#include "output_file.hpp"
#include "policies.hpp"
#include "progress.hpp"
#include "../common/table.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace demo {
namespace {

struct outcome {
    std::string policy;
    double accuracy; // percent
    std::size_t bytes;
    double bits;
    std::string sqnr;
    double microseconds_1, microseconds_64;
};

// Everything that is measured on a forward pass; sizes and errors are the caller's to know.
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

mlp trained_on(const dataset& examples, const options& how) {
    mlp model(how.seed);
    stage learning("training", how.epochs, how.quiet);
    training plan;
    plan.epochs = how.epochs;
    plan.seed = how.seed;
    train(model, examples, plan, [&](double loss) {
        learning.step("loss " + number(loss, 4));
        learning.conclude("loss " + number(loss, 4));
    });
    return model;
}

std::vector<outcome> compare(const mlp& model, const dataset& test, const options& how) {
    int steps = 1;
    for_each_policy(how.policies, [&]<class Policy>(const char*, const char*) { ++steps; });
    stage comparing("compressing and testing", steps, how.quiet);

    std::vector<outcome> outcomes;
    outcome& reference = outcomes.emplace_back(
        examine("float", test, how, [&](const matrix& pictures, activations& out) { forward(model, pictures, out); }));
    reference.bytes = sizeof(float) * static_cast<std::size_t>(model.weight_count());
    reference.bits = 32;
    reference.sqnr = "-";
    comparing.step();

    workers pool(how.threads);
    for_each_policy(how.policies, [&]<class Policy>(const char* name, const char*) {
        const compressed_mlp<Policy> compressed(model);
        outcome& out = outcomes.emplace_back(examine(
            name, test, how, [&](const matrix& pictures, activations& values) { compressed.forward(pictures, values, pool); }));
        out.bytes = compressed.account().bytes();
        out.bits = compressed.account().bits_per_weight();
        out.sqnr = number(compressed.account().sqnr_db(), 1);
        comparing.step(name);
    });
    return outcomes;
}

} // namespace

void compress_network(const options& how) {
    const output_file svg(how.svg), csv(how.csv); // a wrong path must not cost a training first

    const split digits = digits_for(how);
    const mlp model = trained_on(digits.train, how);
    const std::vector<outcome> outcomes = compare(model, digits.test, how);

    table result({"policy", "accuracy %", "bytes", "bits/weight", "SQNR dB", "batch 1 us", "batch 64 us"});
    std::vector<chart_point> points;
    for (const outcome& o : outcomes) {
        result.add({o.policy, number(o.accuracy, 2), count(o.bytes), number(o.bits, 2), o.sqnr, number(o.microseconds_1, 1),
                    number(o.microseconds_64, 1)});
        points.push_back({o.policy, static_cast<double>(o.bytes), o.accuracy});
    }

    const std::string digits_name = how.mnist.empty() ? "generated digits" : "MNIST digits";
    const auto threads = [](std::size_t n) { return std::to_string(n) + (n == 1 ? " thread" : " threads"); };
    std::printf("A 1000-500-100-1 network that tells odd from even: %s, %td to learn from, %td to be tested on\n\n%s\n",
                digits_name.c_str(), digits.train.size(), digits.test.size(), result.text().c_str());
    std::printf("bytes: all weights with their scales, zero points and masks; the biases, %zu bytes, stay float in every row\n"
                "us: median of one forward pass; lowbit on %s at level %s, float through Eigen on %s as compiled here\n",
                sizeof(float) * static_cast<std::size_t>(model.bias_count()), threads(how.threads).c_str(),
                std::string(name(lb::isa::active())).c_str(), threads(static_cast<std::size_t>(Eigen::nbThreads())).c_str());

    svg.write(accuracy_chart("Accuracy against size: a 1000-500-100-1 network on " + digits_name, points));
    csv.write(result.csv());
    if (!how.svg.empty()) std::printf("picture: %s\n", how.svg.c_str());
}

} // namespace demo
