// SPDX-License-Identifier: MIT
// A sink that keeps the bytes, or only counts them, and a full disk when a test wants one.
#pragma once

#include <lowbit/core/expected.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lowbit_test {

/// What became of a file; the sink moves into its writer and this stays.
struct sink_state {
    std::vector<std::byte> bytes{};
    std::size_t room = std::numeric_limits<std::size_t>::max(); // of the disk
    std::size_t kept = std::numeric_limits<std::size_t>::max(); // what comes after that many bytes is only counted
    std::uint64_t written = 0;
    bool commit_fails = false;
    bool committed = false;
    std::size_t writes_after_failure = 0;
    bool failed = false;
};

class memory_sink {
public:
    explicit memory_sink(sink_state& state) : state_(&state) {}

    lowbit::expected<void> write(std::span<const std::byte> next) {
        if (state_->failed) ++state_->writes_after_failure;
        if (next.size() > state_->room - state_->bytes.size()) {
            state_->failed = true;
            return lowbit::fail(lowbit::errc::io, "the disk is full", state_->bytes.size());
        }
        state_->written += next.size();
        const auto kept = next.first(std::min(next.size(), state_->kept - state_->bytes.size()));
        state_->bytes.insert(state_->bytes.end(), kept.begin(), kept.end());
        return {};
    }
    lowbit::expected<void> commit() {
        if (state_->commit_fails) return lowbit::fail(lowbit::errc::io, "the disk is full after all");
        state_->committed = true;
        return {};
    }

private:
    sink_state* state_;
};

} // namespace lowbit_test
