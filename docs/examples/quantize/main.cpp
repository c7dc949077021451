// SPDX-License-Identifier: MIT
// quantize: looks into files of tensors, converts them and compares them. Run it with --help.
#include "interrupt.hpp"
#include "jobs.hpp"

#include "../common/codec.hpp"
#include "../common/failure.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done; 1 a file could not be written, or the files of compare do not hold the same tensors;\n"
    "2 an argument or a file that cannot be used; 128 + n ended by signal n (Ctrl-C: 130).";

std::string policies() {
    std::string text = "Policies:";
    for (const std::string& name : demo::type_names()) text += ' ' + name;
    return text + "\nMatrices of floats are converted; others stay, and those whose rows are no whole blocks.\n";
}

void add_common(CLI::App& job, demo::options& how) { job.add_flag("--json", how.json, "Write the report as JSON"); }

void add_threads(CLI::App& job, demo::options& how) {
    job.add_option("--threads", how.threads, "Threads to work with")
        ->check(CLI::Range(1, 256))
        ->option_text("N (one for each core)");
}

int complain(const char* what, int code) {
    std::fprintf(stderr, "quantize: %s\n", what);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    demo::options how;
    how.threads = std::clamp(std::thread::hardware_concurrency(), 1u, 256u);
    int code = 0;
    try {
        CLI::App app("Looks into files of tensors (safetensors, GGUF, npy), converts them and compares them.", "quantize");
        app.require_subcommand(1);
        app.footer(exit_codes);

        CLI::App& inspect = *app.add_subcommand("inspect", "Say what is in a file");
        inspect.add_option("FILE", how.in)->required()->check(CLI::ExistingFile);
        add_common(inspect, how);
        inspect.callback([&] { demo::inspect(how); });

        CLI::App& convert = *app.add_subcommand("convert", "Write a file again in other formats");
        convert.add_option("IN", how.in, "safetensors, GGUF or npy")->required()->check(CLI::ExistingFile);
        convert.add_option("OUT", how.out, "FILE.gguf or FILE.safetensors; it may be IN")->required();
        convert.add_option("--policy", how.policy, "What matrices become")
            ->required()
            ->check(CLI::IsMember(demo::type_names()))
            ->option_text("NAME");
        convert.add_option("--keep", how.keep, "Tensors whose names match stay as they are")->option_text("REGEX");
        add_threads(convert, how);
        add_common(convert, how);
        convert.footer(policies());
        convert.callback([&] {
            demo::watch_signals();
            demo::convert(how);
        });

        CLI::App& compare = *app.add_subcommand("compare", "Say how far the tensors of B are from those of A");
        compare.add_option("A", how.in)->required()->check(CLI::ExistingFile);
        compare.add_option("B", how.out)->required()->check(CLI::ExistingFile);
        add_threads(compare, how);
        add_common(compare, how);
        compare.callback([&] {
            demo::watch_signals(); // the line with the bar is wiped
            code = demo::compare(how) ? 0 : 1;
        });

        try {
            app.parse(argc, argv);
        } catch (const CLI::Success& wish) { // --help
            return app.exit(wish);
        }
        return code;
    } catch (const CLI::ParseError& e) {
        return complain(e.what(), 2);
    } catch (const demo::input_error& e) {
        return complain(e.what(), 2);
    } catch (const demo::interrupted& stop) {
        return complain("interrupted; nothing was written", 128 + stop.signal);
    } catch (const std::exception& e) {
        return complain(e.what(), 1);
    }
}
