// SPDX-License-Identifier: MIT
// counted_table: a list that is counted in a first pass over a file and filled in a second, so that it never grows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <span>

namespace lowbit::inline v0::io::detail {

/// Until allocate(), push only counts; after it, push stores, and refuses what the count did not foresee. Growth by
/// doubling would take three times what is needed, which is more than a reader may.
template <class T>
class counted_table {
public:
    /// Appends; false if there is no room (then the file is not what it was in the first pass).
    [[nodiscard]] bool push(std::span<const T> values) noexcept {
        if (values.size() > capacity_ - size_) return false;
        if (data_ != nullptr) std::copy(values.begin(), values.end(), data_.get() + size_);
        size_ += values.size();
        return true;
    }
    [[nodiscard]] bool push(const T& value) noexcept { return push(std::span<const T>(&value, 1)); }

    /// Ends the first pass: makes room for exactly what was counted. False if there is no memory.
    [[nodiscard]] bool allocate() noexcept { return allocate(size_); }
    /// Without a first pass, where the file says the count itself.
    [[nodiscard]] bool allocate(std::size_t count) noexcept {
        data_.reset(new (std::nothrow) T[count]);
        capacity_ = count;
        size_ = 0;
        return data_ != nullptr;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// The elements; none while counting.
    [[nodiscard]] std::span<T> all() const noexcept { return {data_.get(), data_ != nullptr ? size_ : 0}; }
    /// The last `count` elements; none while counting.
    [[nodiscard]] std::span<const T> last(std::size_t count) const noexcept {
        return data_ != nullptr ? all().last(count) : std::span<T>();
    }

private:
    std::unique_ptr<T[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
};

} // namespace lowbit::inline v0::io::detail
