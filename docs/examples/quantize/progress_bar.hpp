// SPDX-License-Identifier: MIT
// A bar on stderr while somebody looks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace demo {

/// Says how many of the bytes are done, a few times a second. Silent where stderr is no terminal. Not for two threads at once.
class progress_bar {
public:
    explicit progress_bar(std::uint64_t bytes);
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;
    /// Leaves an empty line.
    ~progress_bar();

    /// `bytes` more are done, of the tensor of that name.
    void advance(std::uint64_t bytes, std::string_view name);

private:
    using clock = std::chrono::steady_clock;

    std::uint64_t bytes_, done_ = 0;
    bool shown_;
    clock::time_point start_ = clock::now(), next_ = start_;
};

} // namespace demo
