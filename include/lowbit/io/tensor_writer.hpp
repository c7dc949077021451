// SPDX-License-Identifier: MIT
// tensor_writer: a file of tensors whose sizes are known before their bytes, written tensor by tensor.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/file_writer.hpp>
#include <lowbit/io/tensor.hpp>

namespace lowbit::inline v0::io {

namespace detail {

/// A tensor's place in a file that is yet to be written.
struct tensor_place {
    std::size_t index;     // in the list that the caller gave
    std::uint64_t bytes;   // of the tensor
    std::uint64_t padding; // zeros after it
};

/// All that stands before the data, and the order of the data.
struct file_plan {
    std::vector<std::byte> header;
    std::vector<tensor_place> places;
};

inline void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append(std::vector<std::byte>& to, std::string_view text) { append(to, std::as_bytes(std::span<const char>(text))); }

} // namespace detail

/// Takes the bytes of tensors in the order of the file, in pieces of any size, and pads them as the format wants; holds the
/// header and nothing else. stream_gguf, stream_safetensors and stream_npy make one:
///
///     while (!out.done()) out.append(bytes_of(tensors[out.next()]));     // each answers an error or nothing
///     out.commit();
///
/// After an error, all further calls answer errc::io, and the file is not made.
template <sink Sink>
class tensor_writer {
public:
    /// Writes the header.
    [[nodiscard]] static expected<tensor_writer> begin(Sink out, detail::file_plan plan) {
        tensor_writer writer(std::move(out), std::move(plan.places));
        if (auto written = writer.write(plan.header); !written) return unexpected<error>(written.error());
        writer.skip_empty();
        return writer;
    }

    /// Whether all bytes are there.
    [[nodiscard]] bool done() const noexcept { return at_ == places_.size(); }
    /// Which tensor of the caller's list the next bytes belong to; not after the last. Tensors without bytes are passed over.
    [[nodiscard]] std::size_t next() const noexcept { return places_[at_].index; }
    /// How many bytes of that tensor are missing; 0 after the last.
    [[nodiscard]] std::uint64_t left() const noexcept { return done() ? 0 : places_[at_].bytes - given_; }

    /// The tensors that next() will say from now on, in that order: for who prepares their bytes ahead.
    [[nodiscard]] std::vector<std::size_t> order() const {
        std::vector<std::size_t> indices;
        for (const detail::tensor_place& place : std::span(places_).subspan(at_)) {
            if (place.bytes != 0) indices.push_back(place.index);
        }
        return indices;
    }

    /// The next bytes of the tensor next(). errc::shape_mismatch if it has no room for them, errc::io from the sink.
    [[nodiscard]] expected<void> append(std::span<const std::byte> bytes) {
        if (!failed_ && bytes.size() > left())
            return refuse(errc::shape_mismatch, "more bytes than the tensor's shape has room for");
        if (auto written = write(bytes); !written || bytes.empty()) return written;
        given_ += bytes.size();
        if (left() != 0) return {};
        auto padded = pad(places_[at_].padding);
        given_ = 0;
        ++at_;
        skip_empty();
        return padded;
    }

    /// Ends the file. errc::shape_mismatch if bytes are missing.
    [[nodiscard]] expected<void> commit() {
        if (failed_) return refuse(errc::io, "the file was given up");
        if (!done()) return refuse(errc::shape_mismatch, "bytes of a tensor are missing");
        auto result = sink_.commit();
        failed_ = true; // there is no more file to write to
        return result;
    }

private:
    tensor_writer(Sink out, std::vector<detail::tensor_place> places) : sink_(std::move(out)), places_(std::move(places)) {}

    unexpected<error> refuse(errc code, const char* message) noexcept {
        failed_ = true;
        return fail(code, message, written_);
    }

    expected<void> write(std::span<const std::byte> bytes) {
        if (failed_) return refuse(errc::io, "the file was given up");
        auto result = sink_.write(bytes);
        failed_ = !result.has_value();
        written_ += bytes.size();
        return result;
    }

    expected<void> pad(std::uint64_t count) {
        static constexpr std::array<std::byte, 512> zeros{};
        for (; count > 0; count -= std::min<std::uint64_t>(count, zeros.size())) {
            auto written = write(std::span(zeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(count, zeros.size()))));
            if (!written) return written;
        }
        return {};
    }

    void skip_empty() noexcept {
        while (!done() && places_[at_].bytes == 0) ++at_;
    }

    Sink sink_;
    std::vector<detail::tensor_place> places_;
    std::size_t at_ = 0;
    std::uint64_t given_ = 0; // bytes of the tensor at hand
    std::uint64_t written_ = 0;
    bool failed_ = false;
};

namespace detail {

/// Writes all tensors of a list at once, each with the bytes it has.
template <sink Sink>
expected<void> write_all(expected<tensor_writer<Sink>> out, std::span<const tensor> tensors) {
    if (!out) return unexpected<error>(out.error());
    while (!out->done()) {
        const tensor& t = tensors[out->next()];
        if (t.bytes.size() != out->left())
            return fail(errc::shape_mismatch, "a tensor's bytes are not those of its shape", out->next());
        if (auto written = out->append(t.bytes); !written) return written;
    }
    return out->commit();
}

} // namespace detail

} // namespace lowbit::inline v0::io
