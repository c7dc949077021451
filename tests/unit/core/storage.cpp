// SPDX-License-Identifier: MIT
// Memory: aligned buffers and matrices are values and come from the given resource; views read what they are pointed at.
#include <doctest/doctest.h>

#include <lowbit/core/matrix.hpp>
#include <lowbit/core/scratch.hpp>

#include "support/counting_resource.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lb = lowbit;
using lb::errc;
using lowbit_test::counting_resource;

namespace {
constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % lb::buffer_alignment == 0; }

/// What Linux notes of the mapping in which an address lies ("rd wr mr ..."); empty where it does not say.
std::string mapping_flags(const void* p) {
    std::ifstream maps("/proc/self/smaps");
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    bool here = false;
    for (std::string line; std::getline(maps, line);) {
        const std::size_t dash = line.find('-'), space = line.find(' ');
        if (dash < space && line.find(':') > space) { // "first-last rwxp ..."
            const auto hex = [&](std::size_t from, std::size_t to) {
                return std::stoull(line.substr(from, to - from), nullptr, 16);
            };
            here = hex(0, dash) <= address && address < hex(dash + 1, space);
        } else if (here && line.starts_with("VmFlags:")) {
            return line.substr(line.find(':') + 1) + ' ';
        }
    }
    return {};
}

/// Whether this system notes of a mapping that it shall have huge pages: emulators take such wishes, and forget them.
bool notes_wishes() {
#if defined(__linux__)
    const std::size_t bytes = 2 * lb::detail::huge_page;
    void* const own = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own == MAP_FAILED) return false;
    madvise(own, bytes, MADV_HUGEPAGE);
    const bool noted = mapping_flags(own).find(" hg ") != std::string::npos;
    munmap(own, bytes);
    return noted;
#else
    return false;
#endif
}
} // namespace

TEST_CASE("a large buffer starts on a huge page, and asks for such pages") {
    counting_resource memory;
    const std::size_t page = lb::detail::huge_page;
    const lb::aligned_buffer<std::byte> large(2 * page + 100, &memory);
    CHECK(memory.bytes == 2 * page + 100);
    CHECK(reinterpret_cast<std::uintptr_t>(large.data()) % page == 0);
    if (!notes_wishes()) {
        MESSAGE("skipped: this system does not say on which pages memory lies");
        return;
    }
    CHECK(mapping_flags(large.data()).find(" hg ") != std::string::npos);
    CHECK(mapping_flags(large.data() + large.size() - 1).find(" hg ") == std::string::npos); // not of others' memory
}

TEST_CASE("an aligned buffer is zeroed, aligned, and from its resource") {
    counting_resource memory;
    {
        lb::aligned_buffer<std::uint32_t> a(1001, &memory);
        CHECK(memory.alive == 1);
        CHECK(memory.bytes == 1001 * 4);
        CHECK(aligned(a.data()));
        CHECK(a.size() == 1001);
        CHECK(a.resource() == &memory);
        CHECK(std::all_of(a.span().begin(), a.span().end(), [](std::uint32_t x) { return x == 0; }));

        a[7] = 3;
        lb::aligned_buffer<std::uint32_t> b = a; // deep
        b[7] = 4;
        CHECK(a[7] == 3);
        CHECK(std::as_const(b)[7] == 4);
        CHECK(b.resource() == &memory);
        CHECK(memory.alive == 2);

        lb::aligned_buffer<std::uint32_t> c = std::move(a); // steals
        CHECK(memory.alive == 2);
        CHECK(a.size() == 0);
        CHECK(a.data() == nullptr);
        CHECK(c[7] == 3);
        b = std::move(c);
        CHECK(memory.alive == 1);
        CHECK(b[7] == 3);
        lb::aligned_buffer<std::uint32_t>& alias = b;
        b = alias; // to itself
        CHECK(b[7] == 3);
        b = lb::aligned_buffer<std::uint32_t>(2); // takes the other's resource along with its memory
        CHECK(memory.alive == 0);
        CHECK(b.resource() == std::pmr::get_default_resource());
    }
    CHECK(memory.alive == 0);
    CHECK(std::is_nothrow_move_constructible_v<lb::aligned_buffer<float>>);
    CHECK(lb::aligned_buffer<float>(0, &memory).data() == nullptr);
    CHECK(memory.total == 3); // a, its copy, and the copy that assigning to itself makes; nothing for an empty buffer
}

TEST_CASE("sizes that overflow are refused before anything is asked for") {
    counting_resource memory;
    CHECK(lowbit_test::raises(
        errc::invalid_argument, [&] { lb::aligned_buffer<std::uint32_t> b(huge / 2, &memory); }, "overflows"));
    CHECK(lowbit_test::raises(errc::invalid_argument, [&] { lb::matrix<std::uint8_t> m(huge / 2, 3, &memory); }, "overflows"));
    CHECK(memory.total == 0);
}

#if defined(__cpp_exceptions)
TEST_CASE("a resource that fails leaves values as they were") {
    counting_resource memory;
    lb::matrix<float> a(4, 4, &memory);
    a(1, 1) = 5;
    memory.left = 0;
    CHECK_THROWS_AS(lb::matrix<float>(4, 4, &memory), std::bad_alloc);
    CHECK_THROWS_AS(lb::matrix<float>{a}, std::bad_alloc);
    lb::matrix<float> b;
    CHECK_THROWS_AS(b = a, std::bad_alloc);
    CHECK(b.rows() == 0);
    CHECK(a(1, 1) == 5);
    CHECK(memory.alive == 1);
}
#endif

TEST_CASE("a matrix is a value") {
    counting_resource memory;
    lb::matrix<float> a(2, 3, &memory);
    CHECK(aligned(a.data()));
    CHECK(memory.bytes == 2 * 3 * 4);
    a(1, 2) = 7;
    CHECK(a.data()[5] == 7);
    CHECK(a.row(1)[2] == 7);
    CHECK(std::as_const(a).row(1).size() == 3);

    lb::matrix<float> b = a;
    b(1, 2) = 8;
    CHECK(std::as_const(a)(1, 2) == 7);
    lb::matrix<float> c = std::move(a);
    CHECK(a.rows() == 0);
    CHECK(a.cols() == 0);
    CHECK(a.data() == nullptr);
    CHECK(c(1, 2) == 7);
    a = c; // a moved-from matrix can be used again
    CHECK(a(1, 2) == 7);
    c = std::move(b);
    CHECK(c(1, 2) == 8);

    const lb::matrix_view<const float> v = std::as_const(c);
    const lb::matrix_view<float> w = c;
    w(0, 0) = 1;
    CHECK(v(0, 0) == 1);
    CHECK(lb::matrix<float>(0, 5).cols() == 5);
    CHECK(lb::matrix<float>(5, 0).rows() == 5);
    CHECK(lb::matrix<float>(huge, 0).rows() == huge);
}

TEST_CASE("a view reads rows a stride apart, as they are or transposed") {
    std::array<int, 20> data{};
    for (int i = 0; i < 20; ++i) data[static_cast<std::size_t>(i)] = i;
    const lb::matrix_view<int> dense{data.data(), 4, 5};
    CHECK(dense.stride() == 5);
    CHECK(dense(3, 4) == 19);
    const lb::matrix_view<int> window{data.data() + 6, 3, 2, 5};
    CHECK(window.rows() == 3);
    CHECK(window.cols() == 2);
    CHECK(window(0, 0) == 6);
    CHECK(window(2, 1) == 17);
    CHECK(window.row(1)[1] == 12);
    CHECK(window.row_data(2) == data.data() + 16);
    const lb::matrix_view<const int> constant = window;
    CHECK(constant.stride() == 5);
    CHECK(constant(2, 1) == 17);

    const auto t = lb::transposed(window);
    CHECK(t.rows() == 2);
    CHECK(t.cols() == 3);
    CHECK(t(1, 2) == 17);
    t(1, 2) = -1;
    CHECK(data[17] == -1);
    CHECK(t.base()(2, 1) == -1);

    for (const lb::strided_view<const int> either :
         {lb::strided_view<const int>{t}, lb::strided_view<const int>{lb::transposed(t)}}) {
        CHECK(either.rows() * either.cols() == 6); // one type for both
        CHECK(either(0, 1) == (either.rows() == 2 ? 11 : 7));
        CHECK(either.data() == window.data());
    }

    const auto batch = lb::batched(lb::matrix_view<int>{data.data(), 2, 2, 3}, 3, 7);
    CHECK(batch.size() == 3);
    CHECK(batch[1](0, 0) == 7);
    CHECK(batch[2](1, 1) == 18);
    const auto turned = lb::batched(t, 2, 5); // the batch of a transpose
    CHECK(turned[1].rows() == 2);
    CHECK(turned[1](1, 1) == -1);

    CHECK(lowbit_test::raises(errc::invalid_argument, [&] { lb::matrix_view<int>(data.data(), 2, 5, 4); }, "4", "5"));
    CHECK(lb::matrix_view<int>(data.data(), 1, 5, 4).cols() == 5); // one row has no next
    CHECK(lb::matrix_view<int>{}.data() == nullptr);
    static_assert([] {
        int x[4] = {1, 2, 3, 4};
        return lb::transposed(lb::matrix_view<int>{x, 2, 2})(0, 1);
    }() == 3);
}

TEST_CASE("view_of reads views and matrices, and keeps const") {
    lb::matrix<float> m(2, 3);
    CHECK(std::is_same_v<decltype(lb::view_of(m)), lb::matrix_view<float>>);
    CHECK(std::is_same_v<decltype(lb::view_of(std::as_const(m))), lb::matrix_view<const float>>);
    CHECK(lb::view_of(m.view()).data() == m.data());
    CHECK(lb::view_of(lb::transposed(m.view())).rows() == 3);
    CHECK(lb::transposed(m).base().data() == m.data()); // and so do transposed and batched
    CHECK(lb::transposed(lb::transposed(m)).data() == m.data());
    CHECK(std::is_same_v<decltype(lb::transposed(std::as_const(m))), lb::transposed_view<const float>>);
    CHECK(lb::batched(m, 2, 1)[1].data() == m.data() + 1);
    CHECK(lb::viewable<lb::matrix<float>>);
    CHECK(lb::viewable<lb::transposed_view<const float>>);
    CHECK_FALSE(lb::viewable<std::vector<float>>);
}

TEST_CASE("scratch grows and may be used by constant expressions") {
    lb::detail::scratch<int> s;
    CHECK(s.empty());
    s.resize(10);
    CHECK(s.size() == 10);
    CHECK(s[9] == 0);
    s[3] = 5;
    const int* before = s.data();
    s.resize(4); // shrinking keeps memory and contents
    CHECK(s.data() == before);
    CHECK(std::as_const(s)[3] == 5);
    s.assign(6, 2);
    CHECK(s.data() == before);
    CHECK(std::all_of(s.span().begin(), s.span().end(), [](int x) { return x == 2; }));
    s.resize(1000);
    CHECK(std::as_const(s).span().size() == 1000);
    CHECK(s[999] == 0);
    static_assert([] {
        lb::detail::scratch<int> c(3);
        c.assign(5, 2);
        c.resize(70);
        return c[69] + static_cast<int>(c.size());
    }() == 70);
}
