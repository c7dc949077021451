// SPDX-License-Identifier: MIT
// mapped_file: a whole file as read-only bytes, mapped or copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>

#include <lowbit/core/expected.hpp>

// Whether files are mapped with POSIX mmap; 0 where there is none, or where somebody defines it so.
#ifndef LOWBIT_HAS_MMAP
#if __has_include(<sys/mman.h>)
#define LOWBIT_HAS_MMAP 1
#else
#define LOWBIT_HAS_MMAP 0
#endif
#endif
#if LOWBIT_HAS_MMAP
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace lowbit::inline v0::io {

/// How a file's bytes come into memory.
enum class access : std::uint8_t {
    map,  ///< pages on demand. The file must stay as it is: if somebody cuts it short, reading what is gone kills the program
    read, ///< a private copy, for files that may change under us. Where there is no mmap, `map` is this too
};

namespace detail {

struct close_file {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using file_handle = std::unique_ptr<std::FILE, close_file>;

struct opened_file {
    file_handle handle;
    std::uint64_t size;
};

/// Opens a regular file and asks for its size.
inline expected<opened_file> open_file(const char* path) noexcept {
#if LOWBIT_HAS_MMAP
    const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not make us wait
    if (descriptor < 0) return fail(errc::io, "the file cannot be opened");
    file_handle handle(::fdopen(descriptor, "rb"));
    if (handle == nullptr) {
        ::close(descriptor);
        return fail(errc::io, "the file cannot be opened");
    }
    struct stat facts{};
    if (::fstat(descriptor, &facts) != 0) return fail(errc::io, "the file's size cannot be read");
    if (!S_ISREG(facts.st_mode)) return fail(errc::io, "this is not a regular file");
    return opened_file{std::move(handle), static_cast<std::uint64_t>(facts.st_size)};
#else
    file_handle handle(std::fopen(path, "rb"));
    if (handle == nullptr) return fail(errc::io, "the file cannot be opened");
    const bool at_end = std::fseek(handle.get(), 0, SEEK_END) == 0;
    const long size = at_end ? std::ftell(handle.get()) : -1;
    if (size < 0 || std::fseek(handle.get(), 0, SEEK_SET) != 0) return fail(errc::io, "the file's size cannot be read");
    return opened_file{std::move(handle), static_cast<std::uint64_t>(size)};
#endif
}

/// How the bytes go away again.
struct release_file {
    std::size_t size = 0;
    bool mapped = false;
    void operator()(std::byte* bytes) const noexcept {
#if LOWBIT_HAS_MMAP
        if (mapped) {
            ::munmap(bytes, size);
            return;
        }
#endif
        delete[] bytes;
    }
};

} // namespace detail

/// A regular file's bytes, read-only. Moves leave an empty one behind; the bytes stay where they are.
class mapped_file {
public:
    mapped_file() noexcept = default;

    /// Opens `path`. Errors: errc::io if the system refuses (missing, a directory, a pipe, no permission, no memory),
    /// errc::truncated if the file becomes shorter while it is copied.
    [[nodiscard]] static expected<mapped_file> open(const std::string& path, access how = access::map) noexcept {
        auto file = detail::open_file(path.c_str());
        if (!file) return unexpected<error>(file.error());
        if (file->size > std::numeric_limits<std::size_t>::max() / 2) {
            return fail(errc::io, "the file does not fit this machine's memory");
        }
        const auto size = static_cast<std::size_t>(file->size);
        if (size == 0) return mapped_file(); // there is no mapping of no bytes
        return how == access::map && LOWBIT_HAS_MMAP ? map(file->handle.get(), size) : copy(file->handle.get(), size);
    }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {bytes_.get(), bytes_ != nullptr ? bytes_.get_deleter().size : 0};
    }

    /// Says that all of this part of bytes() is read next: the system brings it into memory at once rather than page by page.
    /// Promises nothing.
    void expect([[maybe_unused]] std::span<const std::byte> part) const noexcept {
#if LOWBIT_HAS_MMAP && defined(MADV_POPULATE_READ)
        advise(part, MADV_POPULATE_READ);
#endif
    }
    /// Says that this part of bytes() is not needed for now: a mapped file gives its memory back. It may be read again all the
    /// same, and is what it was; who goes through a file from its beginning to its end holds little of it so.
    void release([[maybe_unused]] std::span<const std::byte> part) const noexcept {
#if LOWBIT_HAS_MMAP
        advise(part, MADV_DONTNEED);
#endif
    }

private:
    mapped_file(std::byte* bytes, detail::release_file how) noexcept : bytes_(bytes, how) {}

#if LOWBIT_HAS_MMAP
    /// Only of a mapping: a copy that is told to go away would come back as zeros.
    void advise(std::span<const std::byte> part, int what) const noexcept {
        if (bytes_ == nullptr || !bytes_.get_deleter().mapped || part.empty()) return;
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t first = static_cast<std::size_t>(part.data() - bytes_.get()) / page * page;
        const std::size_t end = static_cast<std::size_t>(part.data() - bytes_.get()) + part.size();
        static_cast<void>(::madvise(bytes_.get() + first, end - first, what));
    }
#endif

    static expected<mapped_file> map([[maybe_unused]] std::FILE* file, [[maybe_unused]] std::size_t size) noexcept {
#if LOWBIT_HAS_MMAP
        void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, ::fileno(file), 0);
        if (bytes != MAP_FAILED) return mapped_file(static_cast<std::byte*>(bytes), detail::release_file{size, true});
#endif
        return fail(errc::io, "the file cannot be mapped");
    }

    static expected<mapped_file> copy(std::FILE* file, std::size_t size) noexcept {
        mapped_file result(new (std::nothrow) std::byte[size], detail::release_file{size, false});
        if (result.bytes_ == nullptr) return fail(errc::io, "no memory for a copy of the file");
        const std::size_t got = std::fread(result.bytes_.get(), 1, size, file);
        if (std::ferror(file) != 0) return fail(errc::io, "the file cannot be read", got);
        if (got != size) return fail(errc::truncated, "the file became shorter while it was read", got);
        return result;
    }

    std::unique_ptr<std::byte, detail::release_file> bytes_;
};

} // namespace lowbit::inline v0::io
