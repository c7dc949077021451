// SPDX-License-Identifier: MIT
// convert: a file again, tensor by tensor. Pieces of a few megabytes are read and encoded on all threads and written in order, so
// that little more than these is in memory.
#include "in_order.hpp"
#include "metadata.hpp"
#include "model_file.hpp"
#include "plan.hpp"
#include "progress_bar.hpp"
#include "report.hpp"

#include "../common/codec.hpp"
#include "../common/table.hpp"
#include "../common/tensor_text.hpp"
#include "../common/workers.hpp"

#include <lowbit/io/write_gguf.hpp>
#include <lowbit/io/write_safetensors.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace demo {
namespace {

using writer = io::tensor_writer<io::file_writer>;

/// Rows `first` to `first + count` of a tensor that is encoded; bytes of one that stays.
struct piece {
    const step* of;
    std::size_t first, count;

    [[nodiscard]] std::span<const std::byte> source() const {
        const std::size_t unit = of->kept.empty() ? of->from.bytes.size() / sides_of(of->from).rows : 1;
        return of->from.bytes.subspan(first * unit, count * unit);
    }
};

/// What a thread keeps from piece to piece.
struct room {
    std::vector<std::uint64_t> shape;
    std::vector<float> floats;
    std::vector<std::byte> bytes;
};

std::vector<piece> pieces_of(const std::vector<step>& steps, const std::vector<std::size_t>& order) {
    constexpr std::size_t most = std::size_t{4} << 20; // enough to hide what threads cost each other, little beside a model
    std::vector<piece> pieces;
    for (const std::size_t i : order) {
        const step& s = steps[i];
        const sides shape = sides_of(s.from);
        const std::size_t units = s.kept.empty() ? shape.rows : s.from.bytes.size();
        const std::size_t unit_bytes = s.kept.empty() ? shape.cols * sizeof(float) : 1;
        const std::size_t at_once = std::max<std::size_t>(1, most / unit_bytes);
        for (std::size_t first = 0; first < units; first += at_once)
            pieces.push_back({&s, first, std::min(at_once, units - first)});
    }
    return pieces;
}

/// With the system's own reason, where it gave one.
[[noreturn]] void cannot_write(const std::string& path, const lb::error& e, int reason) {
    std::string text = path + ": " + e.message;
    if (e.code == lb::errc::io && reason != 0) text += std::string(" (") + std::strerror(reason) + ')';
    throw write_error(text);
}

void put(lb::expected<void> written, const std::string& path) {
    if (!written) cannot_write(path, written.error(), errno);
}

/// What a piece becomes, into `own.bytes`. Few rows at a time, so that the second-level cache still holds their floats when they
/// are encoded. Throws input_error.
void encode_piece(const piece& p, const std::string& path, room& own) {
    constexpr std::size_t most = std::size_t{64} << 10; // floats
    const io::tensor& from = p.of->from;
    const std::size_t cols = sides_of(from).cols, at_once = std::max<std::size_t>(1, most / cols), end = p.first + p.count;
    const auto refuse = [&](std::size_t row, const lb::error& e) {
        std::string text = path + ": " + printable(from.name) + ": " + e.message;
        if (!io::is_quantized(from.dtype))
            text += " (row " + std::to_string(row + e.offset / cols) + ", column " + std::to_string(e.offset % cols) + ')';
        throw input_error(text);
    };
    own.bytes.clear();
    for (std::size_t row = p.first; row < end; row += at_once) {
        const auto rows = floats(rows_of(from, row, std::min(at_once, end - row), own.shape), own.floats);
        if (!rows) refuse(row, rows.error());
        if (const auto encoded = encode(p.of->to.dtype, *rows, own.bytes); !encoded) refuse(row, encoded.error());
    }
}

/// Where the file shall really stand, and nothing else does.
std::string target_of(const std::string& path) {
    std::error_code ignored;
    const auto target = std::filesystem::weakly_canonical(path, ignored); // a link stays one
    const auto status = std::filesystem::status(target, ignored);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
        throw input_error(path + ": is no file that could be replaced");
    return target.empty() ? path : target.string();
}

lb::expected<writer> begin(io::file_writer file, const model_file& in, const options& how, const std::vector<step>& steps) {
    std::vector<io::tensor> tensors;
    for (const step& s : steps) tensors.push_back(s.to);
    if (how.out.ends_with(".gguf")) return io::stream_gguf(std::move(file), tensors, gguf_header_of(in, steps));
    const auto text = metadata_text(in, true);
    const std::vector<io::attribute> metadata = [&] {
        std::vector<io::attribute> pairs;
        for (const auto& [key, value] : text) pairs.push_back({key, value});
        return pairs;
    }();
    return io::stream_safetensors(std::move(file), tensors, metadata);
}

/// Opens OUT beside itself and writes what stands before the tensors.
writer begin(const model_file& in, const options& how, const std::vector<step>& steps) {
    const bool is_gguf = how.out.ends_with(".gguf");
    if (!is_gguf && !how.out.ends_with(".safetensors"))
        throw input_error(how.out + ": the name must end in .gguf or .safetensors, which says what is written");
    constexpr io::limits bounds;
    for (const step& s : steps) {
        if (is_gguf && s.to.name.size() > bounds.gguf_name_bytes) {
            throw input_error(printable(s.to.name) + ": GGUF has names of at most " + std::to_string(bounds.gguf_name_bytes) +
                              " bytes");
        }
    }
    auto file = io::file_writer::create(target_of(how.out));
    if (!file) cannot_write(how.out, file.error(), errno);
    auto begun = begin(std::move(*file), in, how, steps);
    if (!begun && begun.error().code == lb::errc::io) cannot_write(how.out, begun.error(), errno);
    if (!begun) {
        const lb::error& e = begun.error();
        const bool of_tensor = e.code == lb::errc::unsupported || e.code == lb::errc::shape_mismatch;
        const step* const s = of_tensor && e.offset < steps.size() ? &steps[e.offset] : nullptr;
        throw input_error(how.out + ": " + (s == nullptr ? "" : printable(s->to.name) + " (" + name_of(s->to.dtype) + "): ") +
                          e.message);
    }
    return std::move(*begun);
}

struct account {
    std::uint64_t before = 0, after = 0;
    std::size_t converted = 0;
};

void report(const options& how, const std::vector<step>& steps, double seconds) {
    account all;
    table tensors({"tensor", "shape", "from", "to", "bytes", ""});
    json list = json::array();
    for (const step& s : steps) {
        std::uint64_t bytes = 0;
        static_cast<void>(io::byte_size(s.to.dtype, s.to.shape, bytes)); // the writer has taken it
        all.before += s.from.bytes.size();
        all.after += bytes;
        if (s.kept.empty()) ++all.converted;
        const std::string from = name_of(s.from.dtype), to = name_of(s.to.dtype);
        if (how.json) {
            json entry{{"name", s.from.name}, {"shape", s.from.shape}, {"from", from}, {"to", to}, {"bytes", bytes}};
            if (!s.kept.empty()) entry["kept"] = s.kept;
            list.push_back(std::move(entry));
        } else {
            tensors.add(
                {printable(s.from.name), shape_of(s.from), from, to, count(bytes), s.kept.empty() ? "" : "kept: " + s.kept});
        }
    }
    if (how.json) {
        print(json{{"in", how.in},
                   {"out", how.out},
                   {"policy", how.policy},
                   {"converted", all.converted},
                   {"bytes_before", all.before},
                   {"bytes_after", all.after},
                   {"seconds", seconds},
                   {"tensors", std::move(list)}});
        return;
    }
    const double rate = static_cast<double>(all.before + all.after) / seconds / 1e6;
    print(tensors.text() + '\n' + how.out + ": " + std::to_string(all.converted) + " of " + std::to_string(steps.size()) +
          " tensors converted, " + count(all.before) + " -> " + count(all.after) + " bytes in " + number(seconds, 2) + " s (" +
          number(rate, 0) + " MB/s read and written)\n");
}

} // namespace

void convert(const options& how) {
    const auto start = std::chrono::steady_clock::now();
    const model_file in(how.in);
    const std::vector<step> steps = plan_of(in.tensors(), find_type(how.policy), how.keep);
    writer out = begin(in, how, steps);
    const std::vector<piece> pieces = pieces_of(steps, out.order());
    workers pool(how.threads);
    {
        std::uint64_t total = 0;
        for (const step& s : steps) total += s.from.bytes.size();
        progress_bar bar(total);
        in_order<room>(pool, pieces.size(), [&](std::size_t i, room& own, auto take) {
            const piece& p = pieces[i];
            in.mapping().expect(p.source());
            if (p.of->kept.empty()) encode_piece(p, how.in, own);
            const std::span<const std::byte> bytes = p.of->kept.empty() ? own.bytes : p.source();
            take([&] {
                put(out.append(bytes), how.out);
                bar.advance(p.source().size(), p.of->from.name);
            });
            in.mapping().release(p.source());
        });
        stop_if_interrupted();
        put(out.commit(), how.out);
    }
    report(how, steps, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

} // namespace demo
