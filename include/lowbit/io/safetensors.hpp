// SPDX-License-Identifier: MIT
// safetensors: reads files of named tensors, believing nothing they say.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/counted_table.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/json_text.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/mapped_file.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>

namespace lowbit::inline v0::io {

/// A key and its text in a file's metadata.
struct attribute {
    std::string_view key;
    std::string_view value;
};

namespace detail {

/// What a safetensors header holds.
struct safetensors_tables {
    counted_table<tensor> tensors;
    counted_table<std::uint64_t> dims;
    counted_table<attribute> metadata;
    counted_table<char> text; // strings with escapes; all others lie in the header itself
};

/// Walks the header once. The JSON engine calls the members below, each for one event; the first answer of false ends it.
class safetensors_walk {
    using json = nlohmann::json;

public:
    safetensors_walk(std::string_view header, std::uint64_t header_offset, std::span<const std::byte> data, const limits& bounds,
                     std::size_t longest_token, safetensors_tables& out) noexcept
        : text_(header, longest_token), header_offset_(header_offset), data_(data), bounds_(bounds), out_(out) {}

    /// The error, or nothing.
    [[nodiscard]] std::optional<error> run() {
        if (json::sax_parse(text_.begin(), text_.end(), this)) return std::nullopt;
        return error_;
    }
    [[nodiscard]] std::size_t longest_token() const noexcept { return text_.longest(); }

    bool null() noexcept { return unforeseen(); }
    bool boolean(bool) noexcept { return unforeseen(); }
    bool number_integer(std::int64_t) noexcept { return unforeseen(); }             // negative
    bool number_float(double, const std::string&) noexcept { return unforeseen(); } // or above 64 bits
    bool binary(json::binary_t&) noexcept { return unforeseen(); }

    bool number_unsigned(std::uint64_t value) noexcept {
        if (expects_ == expects::dimension) return add_dimension(value);
        if (expects_ != expects::offset || offset_count_ == offsets_.size()) return unforeseen();
        offsets_[offset_count_++] = value;
        return true;
    }

    bool string(std::string& value) noexcept {
        if (expects_ == expects::dtype) {
            entry_.dtype = dtype_of(value);
            if (is_quantized(entry_.dtype)) entry_.dtype = dtype::unknown; // a name of another format
            return then(expects::field);
        }
        if (expects_ != expects::metadata_value) return unforeseen();
        return keep(value, attribute_.value) && store(out_.metadata, attribute_) && then(expects::metadata_key);
    }

    bool key(std::string& name) noexcept {
        if (expects_ == expects::field) return begin_field(name);
        if (name.size() > bounds_.name_bytes) return refuse(errc::limit_exceeded, detail::says::name_too_long);
        if (expects_ == expects::metadata_key) return keep(name, attribute_.key) && then(expects::metadata_value);
        if (name == "__metadata__") return begin_metadata();
        return begin_tensor(name);
    }

    bool start_object(std::size_t) noexcept {
        switch (expects_) {
        case expects::header: return then(expects::name);
        case expects::tensor: return then(expects::field);
        case expects::metadata: return then(expects::metadata_key);
        default: return unforeseen();
        }
    }
    bool end_object() noexcept { // of the header, of the metadata or of a tensor
        return expects_ == expects::field ? end_tensor() : then(expects::name);
    }

    bool start_array(std::size_t) noexcept {
        switch (expects_) {
        case expects::shape: return then(expects::dimension);
        case expects::offsets: return then(expects::offset);
        default: return unforeseen();
        }
    }
    bool end_array() noexcept {
        if (expects_ == expects::offset && offset_count_ != offsets_.size()) {
            return refuse(errc::malformed, "data_offsets must be two numbers");
        }
        return then(expects::field);
    }

    bool parse_error(std::size_t, const std::string&, const json::exception&) noexcept {
        if (text_.refused()) return refuse(errc::limit_exceeded, "a string in the header is too long for a file of this size");
        return refuse(errc::malformed, detail::says::not_json);
    }

private:
    /// What must come next; `foreseen` has the words for each.
    enum class expects : std::uint8_t {
        header,
        name,
        tensor,
        field,
        dtype,
        shape,
        dimension,
        offsets,
        offset,
        metadata,
        metadata_key,
        metadata_value
    };
    static constexpr std::array<const char*, 12> foreseen{
        "the header must be a JSON object",
        "the header must hold tensors by name",
        "a tensor must be a JSON object",
        "a tensor must have fields",
        "dtype must be a string",
        "shape must be an array",
        "a dimension must be an unsigned integer of 64 bits",
        "data_offsets must be an array",
        "data_offsets must be two unsigned integers of 64 bits",
        "__metadata__ must be a JSON object",
        "__metadata__ must have keys",
        "a value in __metadata__ must be a string",
    };
    /// The fields of a tensor, in the order of a bit set; each with what follows its name.
    static constexpr std::array<std::pair<std::string_view, expects>, 3> fields{
        {{"dtype", expects::dtype}, {"shape", expects::shape}, {"data_offsets", expects::offsets}}};
    static constexpr unsigned all_fields = 7;

    bool then(expects next) noexcept {
        expects_ = next;
        return true;
    }
    bool refuse(errc code, const char* message) noexcept { // at the last byte that was read
        error_ = {code, message, header_offset_ + text_.offset() - 1};
        return false;
    }
    bool unforeseen() noexcept { return refuse(errc::malformed, foreseen[static_cast<std::size_t>(expects_)]); }

    template <class T>
    bool store(counted_table<T>& table, const T& value) noexcept {
        return table.push(value) || refuse(errc::io, "the file changed while it was read");
    }

    /// A string that lives as long as the tables: in the header where it stands there as it is, else a copy.
    bool keep(const std::string& decoded, std::string_view& kept) noexcept {
        kept = text_.last_string();
        if (kept.size() == decoded.size()) return true; // every escape is longer than what it stands for
        if (!out_.text.push(std::span<const char>(decoded))) return refuse(errc::io, "the file changed while it was read");
        const std::span<const char> copy = out_.text.last(decoded.size());
        kept = std::string_view(copy.data(), copy.size());
        return true;
    }

    bool begin_metadata() noexcept {
        if (std::exchange(has_metadata_, true)) return refuse(errc::malformed, "__metadata__ is given twice");
        return then(expects::metadata);
    }

    bool begin_tensor(const std::string& name) noexcept {
        if (out_.tensors.size() >= bounds_.tensors) return refuse(errc::limit_exceeded, detail::says::too_many_tensors);
        entry_ = {};
        fields_seen_ = 0;
        offset_count_ = 0;
        elements_ = 1;
        dim_count_ = 0;
        is_empty_ = false;
        return keep(name, entry_.name) && then(expects::tensor);
    }

    bool begin_field(const std::string& name) noexcept {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i].first != name) continue;
            if ((fields_seen_ & 1u << i) != 0) return refuse(errc::malformed, "a field of a tensor is given twice");
            fields_seen_ |= 1u << i;
            return then(fields[i].second);
        }
        return refuse(errc::malformed, "a tensor has a field that is not dtype, shape or data_offsets");
    }

    /// Zeros are left out of the product, so that no part of a shape overflows either.
    bool add_dimension(std::uint64_t size) noexcept {
        if (dim_count_ >= bounds_.dims) return refuse(errc::limit_exceeded, detail::says::too_many_dims);
        ++dim_count_;
        is_empty_ = is_empty_ || size == 0;
        if (size != 0 && mul_overflow(elements_, size, elements_)) {
            return refuse(errc::malformed, "a tensor's number of elements does not fit 64 bits");
        }
        return store(out_.dims, size);
    }

    bool end_tensor() noexcept {
        if (fields_seen_ != all_fields) return refuse(errc::malformed, "a tensor lacks dtype, shape or data_offsets");
        const auto [begin, end] = offsets_;
        if (begin > end) return refuse(errc::malformed, "a tensor ends before it begins");
        if (end > data_.size()) return refuse(errc::truncated, detail::says::tensor_cut);
        if (entry_.dtype != dtype::unknown) {
            std::uint64_t bytes = 0;
            if (!byte_size(entry_.dtype, is_empty_ ? 0 : elements_, bytes) || bytes != end - begin) {
                return refuse(errc::malformed, "a tensor's shape, dtype and data_offsets contradict each other");
            }
        }
        entry_.shape = out_.dims.last(dim_count_);
        entry_.bytes = data_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        return store(out_.tensors, entry_) && then(expects::name);
    }

    json_text text_;
    std::uint64_t header_offset_;
    std::span<const std::byte> data_;
    limits bounds_;
    safetensors_tables& out_;
    error error_{errc::malformed, detail::says::not_json};

    expects expects_ = expects::header;
    bool has_metadata_ = false;
    attribute attribute_;
    tensor entry_; // the tensor at hand, and what is known of it
    unsigned fields_seen_ = 0;
    std::array<std::uint64_t, 2> offsets_{};
    std::size_t offset_count_ = 0;
    std::uint64_t elements_ = 1;
    std::size_t dim_count_ = 0;
    bool is_empty_ = false;
};

} // namespace detail

/// A safetensors file: u64 header length, JSON header, tensor bytes. Opening checks everything the format promises (exact
/// tiling of the data, sizes, unique names, strict UTF-8). What it hands out are views, valid while this object lives - and,
/// after parse(), while the caller's bytes do. Moves keep them valid. Source of the format: huggingface/safetensors, README
/// and tensor.rs; stricter in that a tensor may have no field besides the three.
///
/// Errors: errc::truncated where the file ends early, errc::malformed where it contradicts itself, errc::limit_exceeded above
/// `limits` or where the header asks for more memory than the file's size justifies, errc::io from the system. Each has the
/// byte offset at which the reader stopped.
///
/// Allocates at most twice the file's size and 1 MiB; time is that of sorting the names. Nothing in a file makes it throw; where
/// the machine has not even the memory for the JSON engine's few buffers, that is the usual std::bad_alloc.
class safetensors {
public:
    /// Opens and checks a file.
    [[nodiscard]] static expected<safetensors> open(const std::string& path, access how = access::map,
                                                    const limits& bounds = {}) {
        auto file = mapped_file::open(path, how);
        if (!file) return unexpected<error>(file.error());
        auto result = parse(file->bytes(), bounds);
        if (result) result->file_ = std::move(*file);
        return result;
    }

    /// Checks a file that lies in memory already; the bytes must stay there and as they are.
    [[nodiscard]] static expected<safetensors> parse(std::span<const std::byte> bytes, const limits& bounds = {}) {
        cursor at(bytes);
        const auto length = at.take<std::uint64_t>();
        if (!length) return unexpected<error>(length.error());
        if (*length > bounds.header_bytes) return fail(errc::limit_exceeded, detail::says::header_too_long);
        const std::uint64_t header_offset = at.offset();
        const auto header_bytes = at.take(*length);
        if (!header_bytes) return unexpected<error>(header_bytes.error());
        const std::string_view header(reinterpret_cast<const char*>(header_bytes->data()), header_bytes->size());
        if (!header.starts_with('{')) return fail(errc::malformed, "the header must begin with '{'", header_offset);
        const std::uint64_t data_offset = at.offset();
        const std::span<const std::byte> data = *at.take(at.remaining());

        // A copy of the file and the tables and the engine's buffers share 2 x file + 1 MiB. The engine holds a token up to
        // `token_copies` times while it grows its buffers or words an error.
        constexpr std::uint64_t token_copies = 12;
        const std::uint64_t budget = std::uint64_t{bytes.size()} + 1024 * 1024;
        const auto longest_token = static_cast<std::size_t>(budget / token_copies);

        safetensors result;
        const auto walk = [&](std::uint64_t& longest) {
            detail::safetensors_walk pass(header, header_offset, data, bounds, longest_token, result.tables_);
            const auto problem = pass.run();
            longest = pass.longest_token();
            return problem;
        };
        std::uint64_t longest = 0;
        if (const auto problem = walk(longest)) return unexpected<error>(*problem);
        if (result.table_bytes() + longest * token_copies > budget) {
            return fail(errc::limit_exceeded, detail::says::header_too_large, header_offset);
        }
        if (!result.allocate()) return fail(errc::io, detail::says::no_memory, header_offset);
        if (const auto problem = walk(longest)) return unexpected<error>(*problem);
        if (const auto problem = result.check_tiling(data, data_offset)) return unexpected<error>(*problem);
        if (const auto problem = result.check_names(header, header_offset)) return unexpected<error>(*problem);
        return result;
    }

    /// All tensors, in the order of their names (as bytes).
    [[nodiscard]] std::span<const tensor> tensors() const noexcept { return tables_.tensors.all(); }

    /// The tensor of that name, or errc::not_found.
    [[nodiscard]] expected<tensor> find(std::string_view name) const noexcept {
        const auto all = tensors();
        const auto found = std::ranges::lower_bound(all, name, {}, &tensor::name);
        if (found == all.end() || found->name != name) return fail(errc::not_found, detail::says::no_such_tensor);
        return *found;
    }

    /// The file's own remarks, in the order of their keys; none if there are none.
    [[nodiscard]] std::span<const attribute> metadata() const noexcept { return tables_.metadata.all(); }

private:
    safetensors() noexcept = default;

    [[nodiscard]] std::uint64_t table_bytes() const noexcept {
        const auto of = [](const auto& table, std::uint64_t element) { return table.size() * element; };
        return of(tables_.tensors, sizeof(tensor)) + of(tables_.dims, sizeof(std::uint64_t)) +
               of(tables_.metadata, sizeof(attribute)) + of(tables_.text, sizeof(char));
    }
    [[nodiscard]] bool allocate() noexcept {
        return tables_.tensors.allocate() && tables_.dims.allocate() && tables_.metadata.allocate() && tables_.text.allocate();
    }

    /// The tensors, sorted by place, must cover the data from its first byte to its last, each byte once.
    [[nodiscard]] std::optional<error> check_tiling(std::span<const std::byte> data, std::uint64_t data_offset) noexcept {
        const auto place = [](const tensor& t) { return std::pair(t.bytes.data(), t.bytes.size()); };
        std::ranges::sort(tables_.tensors.all(), {}, place);
        const std::byte* covered = data.data();
        const auto problem = [&](const char* message) {
            return error{errc::malformed, message, data_offset + static_cast<std::uint64_t>(covered - data.data())};
        };
        for (const tensor& t : tensors()) {
            if (t.bytes.data() < covered) return problem("two tensors share bytes");
            if (t.bytes.data() > covered) return problem("bytes between tensors belong to none");
            covered += t.bytes.size();
        }
        if (covered != data.data() + data.size()) return problem(detail::says::bytes_left);
        return std::nullopt;
    }

    /// Sorts by name and key; equal ones are then neighbours.
    [[nodiscard]] std::optional<error> check_names(std::string_view header, std::uint64_t header_offset) noexcept {
        const auto repeated = [&](auto list, auto name, const char* message) -> std::optional<error> {
            std::ranges::sort(list, {}, name);
            const auto pair = std::ranges::adjacent_find(list, {}, name);
            if (pair == list.end()) return std::nullopt;
            const auto place = [&](std::string_view text) { // 0 for one that had escapes
                const bool in_place = text.data() >= header.data() && text.data() < header.data() + header.size();
                return in_place ? static_cast<std::uint64_t>(text.data() - header.data()) : 0;
            };
            const std::uint64_t second = std::max(place(std::invoke(name, pair[0])), place(std::invoke(name, pair[1])));
            return error{errc::malformed, message, header_offset + second};
        };
        if (const auto problem = repeated(tables_.tensors.all(), &tensor::name, detail::says::two_of_a_name)) return problem;
        return repeated(tables_.metadata.all(), &attribute::key, "__metadata__ has the same key twice");
    }

    mapped_file file_;
    detail::safetensors_tables tables_;
};

} // namespace lowbit::inline v0::io
