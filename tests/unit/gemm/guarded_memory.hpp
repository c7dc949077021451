// SPDX-License-Identifier: MIT
// guarded_memory: a memory resource each of whose blocks touches an unmapped page.
#pragma once

#include <map>
#include <memory>
#include <memory_resource>

#include "support/guarded.hpp"

namespace lowbit_test {

/// Blocks end (edge::back) or begin (edge::front) at an unmapped page. At the back that is stricter than memory can be asked for:
/// the blocks are aligned no better than their size is. Clang's sanitizer holds memory resources to their promise, so with it
/// less than one alignment lies between.
class guarded_memory final : public std::pmr::memory_resource {
public:
    explicit guarded_memory(edge side) : side_(side) {}

private:
    void* do_allocate(std::size_t bytes, [[maybe_unused]] std::size_t alignment) override {
#if defined(__clang__)
#if __has_feature(undefined_behavior_sanitizer)
        bytes = (bytes + alignment - 1) / alignment * alignment;
#endif
#endif
        auto block = std::make_unique<guarded<std::byte>>(bytes, side_);
        void* const data = block->data();
        blocks_.emplace(data, std::move(block));
        return data;
    }
    void do_deallocate(void* data, std::size_t /*bytes*/, std::size_t /*alignment*/) override { blocks_.erase(data); }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

    edge side_;
    std::map<void*, std::unique_ptr<guarded<std::byte>>> blocks_;
};

} // namespace lowbit_test
