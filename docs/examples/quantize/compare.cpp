// SPDX-License-Identifier: MIT
// compare: what a conversion cost, tensor by tensor.
#include "in_order.hpp"
#include "model_file.hpp"
#include "progress_bar.hpp"
#include "report.hpp"

#include "../common/codec.hpp"
#include "../common/table.hpp"
#include "../common/tensor_text.hpp"
#include "../common/workers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

namespace demo {
namespace {

/// How far b is from a.
struct distance {
    double signal = 0, noise = 0, largest = 0;

    void add(std::span<const float> a, std::span<const float> b) {
        for (std::size_t i = 0; i < a.size(); ++i) {
            const double w = static_cast<double>(a[i]), off = a[i] == b[i] ? 0 : w - static_cast<double>(b[i]);
            signal += w * w;
            noise += off * off;
            largest = std::isnan(off) ? off : std::max(largest, std::abs(off));
        }
    }
    void add(const distance& other) {
        signal += other.signal;
        noise += other.noise;
        largest = std::isnan(other.largest) ? other.largest : std::max(largest, other.largest);
    }
    [[nodiscard]] double sqnr_db() const {
        return noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
    }
};

/// null: there is no error; JSON has no other numbers that are not finite, so they are text.
json json_of(const distance& d) {
    const double db = d.sqnr_db();
    if (d.noise == 0) return nullptr;
    if (std::isfinite(db)) return db;
    return std::isnan(db) ? "nan" : "-inf";
}

struct pair_of_tensors {
    const io::tensor* a;
    const io::tensor* b;
    std::string trouble; ///< why there are no numbers; empty where there are
    bool same = false;   ///< the same bytes of the same type
    distance how_far;
};

struct piece {
    pair_of_tensors* of;
    std::size_t first, count;
};

struct room {
    std::vector<std::uint64_t> shape_a, shape_b;
    std::vector<float> a, b;
};

std::string trouble_with(const io::tensor& a, const io::tensor* b) {
    if (b == nullptr) return "only in A";
    if (!std::ranges::equal(a.shape, b->shape)) return "other shape in B: " + shape_of(*b);
    if (a.dtype == b->dtype) return {}; // perhaps the same bytes
    for (const io::tensor* t : {&a, b}) {
        if (!is_readable(t->dtype)) return name_of(t->dtype) + " is not decoded";
    }
    return {};
}

std::vector<pair_of_tensors> pairs_of(const model_file& a, const model_file& b) {
    std::unordered_map<std::string_view, const io::tensor*> of_b;
    for (const io::tensor& t : b.tensors()) of_b.emplace(t.name, &t);
    if (a.tensors().size() == 1 && b.tensors().size() == 1) of_b = {{a.tensors()[0].name, &b.tensors()[0]}}; // npy has no names
    std::vector<pair_of_tensors> pairs;
    for (const io::tensor& t : a.tensors()) {
        const auto found = of_b.find(t.name);
        const io::tensor* const other = found == of_b.end() ? nullptr : found->second;
        pairs.push_back({&t, other, trouble_with(t, other), false, {}});
        if (other != nullptr) of_b.erase(found);
    }
    for (const io::tensor& t : b.tensors()) {
        if (of_b.contains(t.name) && of_b[t.name] == &t) pairs.push_back({nullptr, &t, "only in B", false, {}});
    }
    return pairs;
}

lb::matrix_view<const float> read(const std::string& path, const io::tensor& rows, std::vector<float>& to) {
    const auto read = floats(rows, to);
    if (!read) refuse(path + ": " + printable(rows.name), read.error());
    return *read;
}

void measure(const options& how, const model_file& a, const model_file& b, std::vector<pair_of_tensors>& pairs) {
    constexpr std::size_t most = std::size_t{1} << 20;
    std::vector<piece> pieces;
    std::uint64_t total = 0;
    for (pair_of_tensors& p : pairs) {
        if (!p.trouble.empty()) continue;
        p.same = p.a->dtype == p.b->dtype && p.a->byte_order == p.b->byte_order && std::ranges::equal(p.a->bytes, p.b->bytes);
        if (p.same || p.a->bytes.empty()) continue;
        if (!is_readable(p.a->dtype)) {
            p.trouble = "other bytes, and " + name_of(p.a->dtype) + " is not decoded";
            continue;
        }
        const sides shape = sides_of(*p.a);
        const std::size_t at_once = std::max<std::size_t>(1, most / shape.cols);
        for (std::size_t first = 0; first < shape.rows; first += at_once)
            pieces.push_back({&p, first, std::min(at_once, shape.rows - first)});
        total += p.a->bytes.size();
    }
    workers pool(how.threads);
    progress_bar bar(total);
    in_order<room>(pool, pieces.size(), [&](std::size_t i, room& own, auto take) {
        const piece& p = pieces[i];
        const io::tensor rows_a = rows_of(*p.of->a, p.first, p.count, own.shape_a);
        const io::tensor rows_b = rows_of(*p.of->b, p.first, p.count, own.shape_b);
        const auto weights = read(how.in, rows_a, own.a), others = read(how.out, rows_b, own.b);
        distance found;
        for (std::size_t r = 0; r < p.count; ++r) found.add(weights.row(r), others.row(r));
        a.mapping().release(rows_a.bytes);
        b.mapping().release(rows_b.bytes);
        take([&] {
            p.of->how_far.add(found);
            bar.advance(rows_a.bytes.size(), rows_a.name);
        });
    });
}

std::string type_of(const io::tensor* t) { return t == nullptr ? "" : name_of(t->dtype); }
std::string bytes_of(const io::tensor* t) { return t == nullptr ? "" : count(t->bytes.size()); }

} // namespace

bool compare(const options& how) {
    const model_file a(how.in), b(how.out);
    std::vector<pair_of_tensors> pairs = pairs_of(a, b);
    measure(how, a, b, pairs);

    distance all;
    bool complete = true;
    table tensors({"tensor", "shape", "A", "B", "bytes A", "bytes B", "SQNR dB", "max error"});
    json list = json::array();
    for (const pair_of_tensors& p : pairs) {
        const io::tensor& named = p.a != nullptr ? *p.a : *p.b;
        all.add(p.how_far);
        complete = complete && p.a != nullptr && p.b != nullptr && std::ranges::equal(p.a->shape, p.b->shape);
        const double db = p.how_far.sqnr_db();
        if (how.json) {
            json entry{{"name", named.name}, {"shape", named.shape}};
            for (const auto& [side, t] : {std::pair("a", p.a), std::pair("b", p.b)}) {
                if (t != nullptr) entry[side] = {{"type", name_of(t->dtype)}, {"bytes", t->bytes.size()}};
            }
            if (p.trouble.empty()) {
                entry["sqnr_db"] = json_of(p.how_far);
                entry["max_error"] = p.how_far.largest;
                entry["same"] = p.same;
            } else {
                entry["trouble"] = p.trouble;
            }
            list.push_back(std::move(entry));
        } else {
            tensors.add({printable(named.name), shape_of(named), type_of(p.a), type_of(p.b), bytes_of(p.a), bytes_of(p.b),
                         !p.trouble.empty() ? p.trouble
                         : p.same           ? "same"
                                            : number(db, 2),
                         !p.trouble.empty() || p.same ? "" : number(p.how_far.largest, 6)});
        }
    }
    const double db = all.sqnr_db();
    if (how.json) {
        print(json{{"a", how.in},
                   {"b", how.out},
                   {"complete", complete},
                   {"sqnr_db", json_of(all)},
                   {"max_error", all.largest},
                   {"tensors", std::move(list)}});
    } else {
        print(tensors.text() + '\n' +
              (all.noise == 0 ? "no difference"
                              : "where they differ: " + number(db, 2) + " dB, largest error " + number(all.largest, 6)) +
              (complete ? "" : "; not all tensors have a counterpart of their shape") + '\n');
    }
    return complete;
}

} // namespace demo
