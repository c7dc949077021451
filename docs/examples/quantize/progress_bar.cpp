// SPDX-License-Identifier: MIT
// The bar.
#include "progress_bar.hpp"

#include "../common/tensor_text.hpp"
#include "../common/terminal.hpp"

#include <cstdio>
#include <string>

namespace demo {

progress_bar::progress_bar(std::uint64_t bytes) : bytes_(bytes), shown_(stderr_is_terminal()) {}

progress_bar::~progress_bar() {
    if (shown_) std::fputs("\r\033[K", stderr);
}

void progress_bar::advance(std::uint64_t bytes, std::string_view name) {
    done_ += bytes;
    const auto now = clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    constexpr std::uint64_t width = 30;
    const double part = static_cast<double>(done_) / static_cast<double>(bytes_);
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(done_) / seconds / 1e6 : 0;
    const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
    std::fprintf(stderr, "\r\033[K[%s] %3.0f %% %6.0f MB/s  %.40s", bar.c_str(), 100 * part, rate, printable(name).c_str());
    std::fflush(stderr);
}

} // namespace demo
