// SPDX-License-Identifier: MIT
// file_writer: a file that is there whole or not at all.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <lowbit/core/expected.hpp>

#if __has_include(<unistd.h>)
#include <unistd.h> // fsync
#endif

namespace lowbit::inline v0::io {

/// Where a writer's bytes go: write() takes the next ones, commit() ends it. Both answer with an error where they cannot.
template <class S>
concept sink = std::movable<S> && requires(S& s, std::span<const std::byte> bytes) {
    { s.write(bytes) } -> std::same_as<expected<void>>;
    { s.commit() } -> std::same_as<expected<void>>;
};

namespace detail {

/// Closes a file that nobody wanted and removes it.
struct discard_file {
    std::string path;
    void operator()(std::FILE* file) const noexcept {
        std::fclose(file);
        std::remove(path.c_str());
    }
};

} // namespace detail

/// What commit() waits for.
enum class durability : std::uint8_t {
    disk,   ///< for the disk: should the power fail, the file of that name is the old one or the new one, whole. Where there is
            ///< no fsync, this is `system` too
    system, ///< for nothing: the system writes when it likes, and a power cut soon after may leave a file cut short
};

/// Writes beside the file of that name and takes its place at the end, at once: until commit() whatever stood there stays as it
/// was, even where it is the mapped file that is being converted, and without commit() nothing is left behind.
class file_writer {
public:
    /// Opens `path` + ".part0" (or .part1, ..., if somebody else is writing). errc::io where the system refuses.
    [[nodiscard]] static expected<file_writer> create(std::string path, durability how = durability::disk) {
        constexpr int most = 100;
        for (int i = 0; i < most; ++i) {
            std::string beside = path + ".part" + std::to_string(i);
            if (std::FILE* const file = std::fopen(beside.c_str(), "wbx"))
                return file_writer(std::move(path), std::move(beside), file, how);
        }
        return fail(errc::io, "no file can be created beside the one to be written");
    }

    /// The next bytes. errc::io where they do not all fit; the offset says where the file ends then.
    [[nodiscard]] expected<void> write(std::span<const std::byte> bytes) noexcept {
        const std::size_t put = std::fwrite(bytes.data(), 1, bytes.size(), file_.get());
        written_ += put;
        if (put != bytes.size()) return fail(errc::io, "the file cannot be written; the disk may be full", written_);
        return {};
    }

    /// Ends the file and gives it its name. errc::io where that fails, which a full disk may do as late as here; then nothing is
    /// left behind, the file of that name is what it was, and errno is the system's reason. Nothing may be written after it.
    [[nodiscard]] expected<void> commit() noexcept {
        // Closed by hand: the deleter would not say whether that worked.
        const char* const beside = file_.get_deleter().path.c_str();
        const auto give_up = [&](const char* message, int reason) {
            std::remove(beside);
            errno = reason; // not why it could not be removed
            return fail(errc::io, message, written_);
        };
        const int unsettled = settle() ? 0 : errno;
        if (std::fclose(file_.release()) != 0 || unsettled != 0)
            return give_up("the file cannot be written; the disk may be full", unsettled != 0 ? unsettled : errno);
        if (std::rename(beside, path_.c_str()) != 0)
            return give_up("the file cannot take the place of the one to be written", errno);
        return {};
    }

private:
    file_writer(std::string path, std::string beside, std::FILE* file, durability how)
        : path_(std::move(path)), file_(file, detail::discard_file{std::move(beside)}), how_(how) {}

    /// Waits for what `how_` asks for. The order matters: a name that is changed before the bytes are on the disk may survive a
    /// power cut that they do not.
    [[nodiscard]] bool settle() const noexcept {
#if __has_include(<unistd.h>)
        if (how_ == durability::disk) return std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0;
#endif
        return true;
    }

    std::string path_;
    std::unique_ptr<std::FILE, detail::discard_file> file_;
    durability how_;
    std::uint64_t written_ = 0;
};
static_assert(sink<file_writer>);

} // namespace lowbit::inline v0::io
