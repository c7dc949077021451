// SPDX-License-Identifier: MIT
// gguf: reads ggml's model files, believing nothing they say.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/counted_table.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/gguf_value.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/mapped_file.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/utf8.hpp>

namespace lowbit::inline v0::io {

namespace detail {

inline constexpr std::uint32_t gguf_magic = 0x46554747; // "GGUF"
inline constexpr std::string_view gguf_alignment_key = "general.alignment";
inline constexpr std::uint64_t gguf_alignment = 32;    // where the file does not say
inline constexpr std::uint64_t gguf_least_pair = 14;   // length, a letter, type, one byte
inline constexpr std::uint64_t gguf_least_tensor = 25; // length, a letter, dimensions, type, offset

[[nodiscard]] constexpr std::uint64_t padded(std::uint64_t size, std::uint64_t alignment) noexcept {
    return (size + (alignment - 1)) / alignment * alignment;
}

/// What a GGUF file says before its data.
struct gguf_tables {
    std::uint32_t version = 0;
    std::endian order = std::endian::little;
    std::uint64_t alignment = gguf_alignment;
    std::uint64_t data_bytes = 0; // of all tensors, each padded
    counted_table<gguf_attribute> metadata;
    counted_table<tensor> tensors; // in the file's order, both of entries and of bytes
    counted_table<std::uint64_t> dims;
    counted_table<std::uint32_t> keys; // places of the metadata, and of the tensors, sorted by name
    counted_table<std::uint32_t> names;
};

/// Walks all before the data once, in one pass: counts stand in front and are held against the bytes that are there. Each step
/// answers false where it stops, and error() then says why.
class gguf_walk {
public:
    /// `header`: the file, or (of a file that is yet to be written) what stands before the data.
    gguf_walk(std::span<const std::byte> header, std::uint64_t file_bytes, const limits& bounds, gguf_tables& out) noexcept
        : header_(header), at_(header), file_bytes_(file_bytes), bounds_(bounds), out_(out) {}

    /// The error, or nothing; then offset() is the end of the last entry.
    [[nodiscard]] std::optional<error> run() noexcept {
        if (preamble() && pairs() && alignment() && infos()) return std::nullopt;
        return error_;
    }
    [[nodiscard]] std::uint64_t offset() const noexcept { return at_.offset(); }

private:
    bool refuse(errc code, const char* message) noexcept { return refuse(code, message, at_.offset()); }
    bool refuse(errc code, const char* message, std::uint64_t offset) noexcept {
        error_ = {code, message, offset};
        return false;
    }

    /// The place of what lies in the header.
    [[nodiscard]] std::uint64_t offset_of(const void* at) const noexcept {
        return static_cast<std::uint64_t>(static_cast<const std::byte*>(at) - header_.data());
    }

    template <class T>
    bool take(T& value) noexcept {
        const expected<T> taken = take_gguf<T>(at_);
        if (!taken) {
            error_ = taken.error();
            return false;
        }
        value = *taken;
        return true;
    }

    bool preamble() noexcept {
        std::uint32_t magic = 0;
        if (!take(magic)) return false;
        if (magic != gguf_magic) return refuse(errc::malformed, "this is no GGUF file", 0);
        const cursor before = at_;
        if (!take(out_.version)) return false;
        if ((out_.version & 0xffff) == 0) { // no flag says the byte order; but versions are small
            out_.order = std::endian::big;
            at_ = before;
            at_.set_order(out_.order);
            static_cast<void>(take(out_.version));
        }
        if (out_.version == 0) return refuse(errc::malformed, "a GGUF file has no version 0", before.offset());
        const std::uint32_t first = out_.order == std::endian::little ? 2 : 3;
        if (out_.version < first || out_.version > 3) {
            return refuse(errc::unsupported, "GGUF of a version that is not read", before.offset());
        }
        return take(tensors_) && take(pairs_) && check_count(tensors_, bounds_.tensors, gguf_least_tensor) &&
               check_count(pairs_, bounds_.metadata, gguf_least_pair) && allocate();
    }

    bool check_count(std::uint64_t count, std::uint64_t most, std::uint64_t least_bytes) noexcept {
        if (count > std::min(most, std::uint64_t{std::numeric_limits<std::uint32_t>::max()})) {
            return refuse(errc::limit_exceeded, "there are more tensors or more metadata than the limit");
        }
        return count <= at_.remaining() / least_bytes ||
               refuse(errc::truncated, "the file is shorter than what it declares must be");
    }

    /// A copy of the file and the tables share 2 x file + 1 MiB.
    bool allocate() noexcept {
        const std::uint64_t pair_bytes = sizeof(gguf_attribute) + sizeof(std::uint32_t);
        const std::uint64_t tensor_bytes = sizeof(tensor) + most_dims * sizeof(std::uint64_t) + sizeof(std::uint32_t);
        if (pairs_ * pair_bytes + tensors_ * tensor_bytes > file_bytes_ + 1024 * 1024) {
            return refuse(errc::limit_exceeded, detail::says::header_too_large);
        }
        const auto tensors = static_cast<std::size_t>(tensors_);
        const auto pairs = static_cast<std::size_t>(pairs_);
        return (out_.metadata.allocate(pairs) && out_.keys.allocate(pairs) && out_.tensors.allocate(tensors) &&
                out_.dims.allocate(tensors * most_dims) && out_.names.allocate(tensors)) ||
               refuse(errc::io, detail::says::no_memory);
    }

    template <class T>
    bool store(counted_table<T>& table, const T& value) noexcept {
        return table.push(value) || refuse(errc::io, "the file changed while it was read");
    }

    bool take_name(std::string_view& text, std::uint64_t most) noexcept {
        const std::uint64_t start = at_.offset();
        if (!take(text)) return false;
        if (text.empty()) return refuse(errc::malformed, "a name is empty", start);
        if (text.size() > most) return refuse(errc::limit_exceeded, detail::says::name_too_long, start);
        return (is_utf8(text) && text.find('\0') == text.npos) ||
               refuse(errc::malformed, "a name is not UTF-8 or holds a zero byte", start);
    }

    bool take_type(gguf_type& type) noexcept {
        std::uint32_t id = 0;
        const std::uint64_t start = at_.offset();
        if (!take(id)) return false;
        type = static_cast<gguf_type>(id);
        return id < gguf_types || refuse(errc::malformed, "metadata of a type that does not exist", start);
    }

    bool pairs() noexcept {
        constexpr std::uint64_t longest_key = 65'535; // of the format itself
        for (std::uint64_t i = 0; i < pairs_; ++i) {
            gguf_attribute pair;
            if (!take_name(pair.key, std::min(bounds_.name_bytes, longest_key)) || !take_value(pair.value) ||
                !store(out_.metadata, pair)) {
                return false;
            }
        }
        return sort(out_.metadata.all(), &gguf_attribute::key, out_.keys, "two keys are the same");
    }

    bool take_value(gguf_value& value) noexcept {
        gguf_type type{};
        if (!take_type(type)) return false;
        const bool is_array = type == gguf_type::array;
        std::uint64_t count = 1;
        if (is_array) {
            if (!take_type(type)) return false;
            if (type == gguf_type::array) return refuse(errc::malformed, "arrays of arrays are not read", at_.offset() - 4);
            if (!take(count)) return false;
        }
        const std::size_t start = at_.offset();
        if (!(type == gguf_type::string ? take_strings(count) : take_numbers(type, count))) return false;
        if (is_array && at_.offset() - start > bounds_.array_bytes)
            return refuse(errc::limit_exceeded, "an array is longer than the limit", start);
        value =
            gguf_value(type, is_array, static_cast<std::size_t>(count), header_.subspan(start, at_.offset() - start), out_.order);
        return true;
    }

    bool take_strings(std::uint64_t count) noexcept {
        if (count > at_.remaining() / sizeof(std::uint64_t)) {
            return refuse(errc::truncated, "an array is longer than the file");
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t start = at_.offset();
            std::string_view text;
            if (!take(text)) return false;
            if (text.size() > bounds_.string_bytes)
                return refuse(errc::limit_exceeded, "a string is longer than the limit", start);
        }
        return true;
    }

    bool take_numbers(gguf_type type, std::uint64_t count) noexcept {
        if (count > at_.remaining() / size_of(type)) return refuse(errc::truncated, "a value is longer than the file");
        const std::uint64_t start = at_.offset();
        const std::span<const std::byte> values = *at_.take(count * size_of(type));
        if (type != gguf_type::boolean) return true;
        const auto bad = std::ranges::find_if(values, [](std::byte b) { return b > std::byte{1}; });
        return bad == values.end() ||
               refuse(errc::malformed, "a boolean is neither 0 nor 1", start + static_cast<std::uint64_t>(bad - values.begin()));
    }

    bool alignment() noexcept {
        const auto keys = out_.keys.all();
        const auto key_at = [this](std::uint32_t i) { return out_.metadata.all()[i].key; };
        const auto found = std::ranges::lower_bound(keys, gguf_alignment_key, {}, key_at);
        if (found == keys.end() || key_at(*found) != gguf_alignment_key) return true;
        const gguf_value& value = out_.metadata.all()[*found].value;
        const auto given = value.get<std::uint32_t>();
        const std::uint64_t place = offset_of(value.bytes().data());
        if (!given) return refuse(errc::malformed, "general.alignment is not of type u32", place);
        if (!std::has_single_bit(*given) || *given < 8) { // ggml takes less, the format does not
            return refuse(errc::malformed, "general.alignment is not a power of two of at least 8", place);
        }
        if (*given > bounds_.alignment) return refuse(errc::limit_exceeded, "general.alignment is above the limit", place);
        out_.alignment = *given;
        return true;
    }

    bool infos() noexcept {
        for (std::uint64_t i = 0; i < tensors_; ++i) {
            if (!take_tensor()) return false;
        }
        return sort(out_.tensors.all(), &tensor::name, out_.names, detail::says::two_of_a_name);
    }

    bool take_tensor() noexcept {
        tensor entry;
        std::uint32_t dim_count = 0;
        if (!take_name(entry.name, bounds_.gguf_name_bytes) || !take(dim_count)) return false;
        if (dim_count > std::min(most_dims, bounds_.dims)) {
            return refuse(errc::limit_exceeded, detail::says::too_many_dims, at_.offset() - 4);
        }
        std::array<std::uint64_t, most_dims> dims{}; // the file has the fastest first
        const auto shape = std::span(dims).first(dim_count);
        for (std::size_t k = dim_count; k-- > 0;) {
            if (!take(shape[k])) return false;
            if (shape[k] >> 63 != 0) return refuse(errc::malformed, "a dimension is negative", at_.offset() - 8);
        }
        std::uint32_t type = 0;
        if (!take(type)) return false;
        entry.dtype = dtype_of_ggml(type);
        if (entry.dtype == dtype::unknown)
            return refuse(errc::unsupported, "a tensor has a type that is not known", at_.offset() - 4);
        std::uint64_t bytes = 0;
        if (!byte_size(entry.dtype, shape, bytes)) {
            return refuse(errc::malformed, "a tensor's rows are no whole blocks, or its size does not fit 64 bits");
        }
        const std::uint64_t start = at_.offset();
        std::uint64_t offset = 0;
        if (!take(offset)) return false;
        if (offset != out_.data_bytes) return refuse(errc::malformed, "a tensor does not begin where the one before ends", start);
        if (bytes > file_bytes_ || offset > file_bytes_ - bytes) {
            return refuse(errc::truncated, detail::says::tensor_cut, start);
        }
        out_.data_bytes = padded(offset + bytes, out_.alignment);
        if (!out_.dims.push(shape)) return refuse(errc::io, "the file changed while it was read");
        entry.shape = out_.dims.last(dim_count);
        entry.byte_order = out_.order;
        return store(out_.tensors, entry);
    }

    /// Sorts the places of a list by name; equal names are then neighbours.
    template <class T, class Name>
    bool sort(std::span<T> list, Name name, counted_table<std::uint32_t>& sorted, const char* message) noexcept {
        for (std::uint32_t i = 0; i < list.size(); ++i) {
            if (!store(sorted, i)) return false;
        }
        const auto name_at = [&](std::uint32_t i) { return std::invoke(name, list[i]); };
        std::ranges::sort(sorted.all(), {}, name_at);
        const auto pair = std::ranges::adjacent_find(sorted.all(), {}, name_at);
        if (pair == sorted.all().end()) return true;
        return refuse(errc::malformed, message, offset_of(name_at(std::max(pair[0], pair[1])).data()));
    }

    static constexpr std::uint64_t most_dims = 4;

    std::span<const std::byte> header_;
    cursor at_;
    std::uint64_t file_bytes_;
    const limits& bounds_;
    gguf_tables& out_;
    error error_{errc::malformed, "", 0};
    std::uint64_t tensors_ = 0;
    std::uint64_t pairs_ = 0;
};

} // namespace detail

/// A GGUF file, version 2 or 3: metadata, tensors, their bytes. Opening checks everything the format promises (counts and lengths
/// against the bytes that are there, unique names, sizes, that the tensors follow one another without holes, padding and the
/// file's exact end). What it hands out are views, valid while this object lives - and, after parse(), while the caller's bytes
/// do. Moves keep them valid. Source of the format: ggml, docs/gguf.md and gguf.cpp. As ggml does, it refuses arrays of arrays
/// and names of tensors above 63 bytes; unlike ggml, an alignment below 8 and bytes after the last tensor's padding.
///
/// Big-endian files (version 3) differ in one thing: each tensor says so in `byte_order`. to_matrix() heeds it.
///
/// Errors: errc::truncated where the file ends early, errc::malformed where it contradicts itself, errc::unsupported for versions
/// and types of tensors that are not known, errc::limit_exceeded above `limits` or where the header asks for more memory than the
/// file's size justifies, errc::io from the system. Each has the byte offset of what is wrong.
///
/// Allocates at most twice the file's size and 1 MiB, in five pieces; time is that of sorting the names. Nothing throws.
class gguf {
public:
    /// Opens and checks a file.
    [[nodiscard]] static expected<gguf> open(const std::string& path, access how = access::map, const limits& bounds = {}) {
        auto file = mapped_file::open(path, how);
        if (!file) return unexpected<error>(file.error());
        auto result = parse(file->bytes(), bounds);
        if (result) result->file_ = std::move(*file);
        return result;
    }

    /// Checks a file that lies in memory already; the bytes must stay there and as they are.
    [[nodiscard]] static expected<gguf> parse(std::span<const std::byte> bytes, const limits& bounds = {}) {
        gguf result;
        const auto header = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), bounds.header_bytes)));
        detail::gguf_walk walk(header, bytes.size(), bounds, result.tables_);
        if (const auto problem = walk.run()) {
            const bool cut = problem->code == errc::truncated && problem->message != detail::says::tensor_cut; // it saw a part
            if (!cut || header.size() == bytes.size()) return unexpected<error>(*problem);
            return fail(errc::limit_exceeded, detail::says::header_too_long, header.size());
        }
        if (const auto problem = result.place_tensors(bytes, walk.offset())) return unexpected<error>(*problem);
        result.begin_ = bytes.data();
        return result;
    }

    /// 2 or 3.
    [[nodiscard]] std::uint32_t version() const noexcept { return tables_.version; }
    [[nodiscard]] std::endian byte_order() const noexcept { return tables_.order; }
    /// What each tensor's bytes are padded to, counted from the start of the data; in memory they may lie at any address.
    [[nodiscard]] std::uint64_t alignment() const noexcept { return tables_.alignment; }

    /// All tensors, in the file's order.
    [[nodiscard]] std::span<const tensor> tensors() const noexcept { return tables_.tensors.all(); }
    /// The tensor of that name, or errc::not_found.
    [[nodiscard]] expected<tensor> find(std::string_view name) const noexcept {
        const tensor* const found = search(tensors(), &tensor::name, tables_.names.all(), name);
        if (found == nullptr) return fail(errc::not_found, detail::says::no_such_tensor);
        return *found;
    }

    /// All metadata, in the file's order.
    [[nodiscard]] std::span<const gguf_attribute> metadata() const noexcept { return tables_.metadata.all(); }
    /// The value of that key, or errc::not_found.
    [[nodiscard]] expected<gguf_value> value(std::string_view key) const noexcept {
        const gguf_attribute* const found = search(metadata(), &gguf_attribute::key, tables_.keys.all(), key);
        if (found == nullptr) return fail(errc::not_found, "the file has no metadata of that key");
        return found->value;
    }
    /// The value of that key as gguf_value::get<T>() has it: errc::not_found without the key, errc::malformed for another type.
    template <class T>
    [[nodiscard]] expected<T> get(std::string_view key) const noexcept {
        return read(key, [](const gguf_value& v) { return v.template get<T>(); });
    }
    /// The same for an integer of any width that is not negative.
    [[nodiscard]] expected<std::uint64_t> get_count(std::string_view key) const noexcept {
        return read(key, [](const gguf_value& v) { return v.get_count(); });
    }

private:
    gguf() noexcept = default;

    /// Finds the data after the header and gives each tensor its bytes.
    [[nodiscard]] std::optional<error> place_tensors(std::span<const std::byte> bytes, std::uint64_t header_end) noexcept {
        const std::uint64_t start = detail::padded(header_end, alignment());
        if (tables_.data_bytes == 0 && header_end == bytes.size())
            return std::nullopt; // no data: writers leave the padding out, too
        if (start > bytes.size() || tables_.data_bytes > bytes.size() - start) {
            return error{errc::truncated, "the last tensor or its padding ends after the file does", bytes.size()};
        }
        const std::uint64_t end = start + tables_.data_bytes;
        if (end != bytes.size()) return error{errc::malformed, detail::says::bytes_left, end};
        std::uint64_t next = start;
        for (tensor& t : tables_.tensors.all()) {
            std::uint64_t size = 0;
            static_cast<void>(byte_size(t.dtype, t.shape, size)); // checked by the walk
            t.bytes = bytes.subspan(static_cast<std::size_t>(next), static_cast<std::size_t>(size));
            next += detail::padded(size, alignment());
        }
        return std::nullopt;
    }

    template <class T, class Name>
    static const T* search(std::span<const T> list, Name name, std::span<const std::uint32_t> sorted,
                           std::string_view wanted) noexcept {
        const auto name_at = [&](std::uint32_t i) { return std::invoke(name, list[i]); };
        const auto found = std::ranges::lower_bound(sorted, wanted, {}, name_at);
        return found != sorted.end() && name_at(*found) == wanted ? &list[*found] : nullptr;
    }

    template <class Read>
    auto read(std::string_view key, Read read) const noexcept -> decltype(read(gguf_value())) {
        const auto found = value(key);
        if (!found) return unexpected<error>(found.error());
        auto result = read(*found);
        if (result) return result;
        const auto offset = static_cast<std::uint64_t>(found->bytes().data() - begin_);
        return fail(result.error().code, result.error().message, offset);
    }

    mapped_file file_;
    const std::byte* begin_ = nullptr;
    detail::gguf_tables tables_;
};

} // namespace lowbit::inline v0::io
