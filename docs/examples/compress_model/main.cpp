// SPDX-License-Identifier: MIT
// compress_model: what each policy costs in accuracy and saves in bytes and time. Run it with --help.
#include "../common/failure.hpp"
#include "jobs.hpp"
#include "policies.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

struct policy_list {
    std::vector<std::string> names;
    std::string help = "Policies:\n";
};

policy_list known_policies() {
    policy_list list;
    for (const demo::named_policy& policy : demo::policies({})) {
        list.names.emplace_back(policy.name);
        list.help += "  " + list.names.back() + std::string(16 - list.names.back().size(), ' ') + policy.meaning + '\n';
    }
    return list;
}

void declare(CLI::App& app, demo::options& how) {
    const policy_list known = known_policies();
    app.footer(known.help);
    CLI::Option* mnist = app.add_option("--mnist", how.mnist, "Take real digits: a folder with MNIST's IDX files, plain or .gz");
    mnist->check(CLI::ExistingDirectory)->option_text("DIR");
    app.add_option("--weights", how.weights, "Compress the matrices of this safetensors file instead")
        ->check(CLI::ExistingFile)
        ->excludes(mnist)
        ->option_text("FILE");
    app.add_option("--policy", how.policies, "Only these policies, from the list below")
        ->check(CLI::IsMember(known.names))
        ->option_text("NAME ...");
    app.add_option("--seed", how.seed, "Decides digits, order and first weights")->option_text("N (1)");
    app.add_option("--epochs", how.epochs, "How often the network sees the training digits")
        ->check(CLI::Range(1, 1000))
        ->option_text("N (8)");
    app.add_option("--retrain", how.retrain, "Epochs more for what pruning keeps; 0 for none")
        ->check(CLI::Range(0, 1000))
        ->option_text("N (4)");
    app.add_option("--threads", how.threads, "Threads lent to lowbit")->check(CLI::Range(1, 256))->option_text("N (1)");
    app.add_option("--svg", how.svg, "Where to write the picture; '' for none")->option_text("FILE (compress_model.svg)");
    app.add_option("--csv", how.csv, "Write the table there too")->option_text("FILE");
    app.add_flag("--quick", how.quick, "Fewer digits and shorter measurements, to try the program");
    app.add_flag("--quiet", how.quiet, "No progress on stderr");
}

int complain(const char* what, int code) {
    std::fprintf(stderr, "compress_model: %s\n", what);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Trains a small network, compresses it under many policies, and compares accuracy, size and speed.",
                 "compress_model");
    demo::options how;
    try {
        declare(app, how);
        app.parse(argc, argv);
        if (how.weights.empty()) {
            demo::compress_network(how);
        } else {
            demo::compress_file(how);
        }
        return 0;
    } catch (const CLI::Success& wish) { // --help
        return app.exit(wish);
    } catch (const CLI::ParseError& e) {
        return complain(e.what(), 2);
    } catch (const demo::input_error& e) {
        return complain(e.what(), 2);
    } catch (const std::exception& e) {
        return complain(e.what(), 1);
    }
}
