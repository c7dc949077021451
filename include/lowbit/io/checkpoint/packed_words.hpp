// SPDX-License-Identifier: MIT
// packed_words: codes of a few bits in the words of a tensor, as checkpoints pack them.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0::io::detail {

/// Whether the tensor has `dims` dimensions, none of them 0, and their bytes.
inline bool is_whole(const tensor& t, std::size_t dims) {
    std::uint64_t bytes = 0;
    return t.shape.size() == dims && std::ranges::find(t.shape, 0u) == t.shape.end() && byte_size(t.dtype, t.shape, bytes) &&
           bytes == t.bytes.size();
}

/// Runs of fields, lowest bits first, in the words of a tensor, along its first or its second dimension. Every size fits size_t
/// since the bytes are there.
template <std::unsigned_integral Word>
class packed_words {
public:
    /// `should` says in an error what the tensor should be.
    static expected<packed_words> of(const tensor& t, std::size_t axis, int bits, const char* should) {
        const bool is_word = sizeof(Word) == 1 ? t.dtype == dtype::u8 : t.dtype == dtype::i32 || t.dtype == dtype::u32;
        if (!is_word || !is_whole(t, 2)) return fail(errc::shape_mismatch, should);
        packed_words p;
        const auto cols = static_cast<std::size_t>(t.shape[1]);
        p.bytes_ = t.bytes.data();
        p.byte_order_ = t.byte_order;
        p.bits_ = static_cast<std::size_t>(bits);
        p.length_ = static_cast<std::size_t>(t.shape[axis]);
        p.runs_ = static_cast<std::size_t>(t.shape[1 - axis]);
        p.word_step_ = axis == 0 ? cols : 1;
        p.run_step_ = axis == 0 ? 1 : cols;
        if (p.length_ > std::numeric_limits<std::size_t>::max() / word_bits) return too_large();
        return p;
    }

    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }
    /// Fields in a run, if they fill it.
    [[nodiscard]] std::size_t fields() const noexcept { return length_ * word_bits / bits_; }
    /// Whether `count` fields need as many words as a run has.
    [[nodiscard]] bool holds(std::size_t count) const noexcept {
        return count <= fields() && ceil_div(count * bits_, word_bits) == length_;
    }
    /// Whether no bit of a run is left over.
    [[nodiscard]] bool is_full() const noexcept { return length_ * word_bits % bits_ == 0; }
    /// A field, which may begin in one word and end in the next.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::uint32_t operator()(std::size_t run, std::size_t field) const noexcept {
        const std::size_t bit = field * bits_;
        std::uint64_t word = load(run, bit / word_bits);
        if (bit % word_bits + bits_ > word_bits) word |= std::uint64_t{load(run, bit / word_bits + 1)} << word_bits;
        return static_cast<std::uint32_t>(word >> bit % word_bits & ((std::uint64_t{1} << bits_) - 1));
    }

private:
    static constexpr std::size_t word_bits = 8 * sizeof(Word);

    [[nodiscard]] LOWBIT_ALWAYS_INLINE Word load(std::size_t run, std::size_t word) const noexcept {
        return io::load<Word>(bytes_ + sizeof(Word) * (run * run_step_ + word * word_step_), byte_order_);
    }

    const std::byte* bytes_ = nullptr;
    std::endian byte_order_ = std::endian::little;
    std::size_t bits_ = 0;
    std::size_t length_ = 0; ///< words in a run
    std::size_t runs_ = 0;
    std::size_t word_step_ = 0;
    std::size_t run_step_ = 0;
};

} // namespace lowbit::inline v0::io::detail
