// SPDX-License-Identifier: MIT
// code_table: the codes of an element of at most four bits, as the row operations look them up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/numeric/element.hpp>

namespace lowbit::inline v0::detail {

/// The table of an element of at most 16 codes: where each begins is found by halving, from the encoder of the element.
template <class E>
constexpr kernel::code_table make_code_table() noexcept {
    constexpr auto flipped = [](std::int32_t bits) { return bits < 0 ? bits ^ 0x7fff'ffff : bits; };
    constexpr auto code_at = [=](std::int32_t key) { return std::int32_t{E::encode(kernel::float_of(flipped(key)))}; };
    constexpr std::int32_t last = kernel::bits_of(std::numeric_limits<float>::max());
    kernel::code_table table;
    for (std::size_t i = 0; i < 16; ++i) {
        table.values[i] = E::decode(static_cast<typename E::code_type>(i % (std::size_t{1} << E::bits)));
        table.begins[i] = std::numeric_limits<std::int32_t>::max(); // no number
    }
    std::int32_t from = flipped(kernel::bits_of(-std::numeric_limits<float>::max()));
    table.codes[0] = code_at(from);
    for (std::size_t i = 1; i < 16 && code_at(last) != table.codes[i - 1]; ++i) {
        std::int32_t to = last; // `from` has the code before, `to` has not
        while (std::int64_t{to} - from > 1) {
            const auto middle = static_cast<std::int32_t>((std::int64_t{from} + to) >> 1);
            (code_at(middle) == table.codes[i - 1] ? from : to) = middle;
        }
        table.begins[i] = from = to;
        table.codes[i] = code_at(to);
    }
    return table;
}
template <class E>
inline constexpr kernel::code_table code_table_of = make_code_table<E>();
/// Whether an element has a table; and whether codes are found by it. Not so where the values of its codes do not ascend from its
/// lowest to its largest, as an encoder may have it for numbers far away, and where codes change next to 0: the quotients of row
/// operations are exact in normal floats, and in their sign.
template <class E>
inline constexpr bool tabled = !integer_element<E> && E::bits <= 4;
template <class E>
inline constexpr bool found_by_table = [] {
    if constexpr (tabled<E>) {
        const kernel::code_table& by = code_table_of<E>;
        constexpr std::int32_t least = kernel::bits_of(0x1p-30f);
        const auto value = [&](std::size_t i) { return by.values[static_cast<std::size_t>(by.codes[i]) % 16]; };
        std::size_t i = 0;
        for (; i + 1 < 16 && by.begins[i + 1] != std::numeric_limits<std::int32_t>::max(); ++i) {
            const std::int32_t key = by.begins[i + 1];
            if ((key != 0 && key < least && key > ~least) || !(value(i + 1) >= value(i))) return false;
        }
        return value(0) == E::lowest() && value(i) == E::max();
    }
    return tabled<E>;
}();

} // namespace lowbit::inline v0::detail
