// SPDX-License-Identifier: MIT
// device_matrix: packed weights in device memory; upload and download.
#pragma once

#include <cstddef>
#include <utility>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/cuda/pack.hpp>
#include <lowbit/cuda/runtime.hpp>
#include <lowbit/cuda/weights.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::cuda {

/// Weights of policy P, N x K, as kernels read them that multiply numbers of Compute bits. Moves alone; given back in the order
/// of the stream they were uploaded on.
template <any_policy P, int Compute = 16>
class device_matrix {
public:
    using policy_type = P;
    using kind = kind_of<P, Compute>;

    device_matrix(std::size_t rows, std::size_t cols, device_buffer memory) noexcept
        : image_{rows, cols}, memory_(std::move(memory)) {}
    [[nodiscard]] std::size_t rows() const noexcept { return image_.n; }
    [[nodiscard]] std::size_t cols() const noexcept { return image_.k; }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return image_.bytes(); }
    [[nodiscard]] const std::byte* data() const noexcept { return memory_.data(); }
    [[nodiscard]] std::byte* data() noexcept { return memory_.data(); }
    [[nodiscard]] cuda::weights weights() const noexcept { return image_.over(memory_.data()); }

private:
    weight_image<kind> image_;
    device_buffer memory_;
};

/// Packs `q`, a quantized matrix or a view, and copies it in the order of the stream, for which it waits. Another stream may use
/// the result at once, but it must be done with it, or an event must say so, before the result is destroyed. Raises what
/// pack_image raises, and errc::device. For products with device_rows, activations in 8 bits: upload<8>(q, s).
template <int Compute = 16, class Here = isa::here, quantized Q>
[[nodiscard]] auto upload(const Q& q, const stream_ref& s) {
    using P = typename decltype(q.view())::policy_type;
    const aligned_buffer<std::byte> image = pack_image<Here, Compute>(q);
    device_buffer memory(image.size(), s.get());
    if (image.size() != 0) {
        check<Here>(cudaMemcpyAsync(memory.data(), image.data(), image.size(), cudaMemcpyHostToDevice, s.get()),
                    "cudaMemcpyAsync");
        check<Here>(cudaStreamSynchronize(s.get()), "cudaStreamSynchronize"); // the image goes with this call
    }
    return device_matrix<P, Compute>(q.view().rows(), q.view().cols(), std::move(memory));
}

/// The quantized matrix that was uploaded, byte by byte. Waits for the stream. Raises errc::device.
template <class Here = isa::here, any_policy P>
[[nodiscard]] quantized_matrix<P> download(const device_matrix<P>& w, const stream_ref& s) {
    aligned_buffer<std::byte> image(w.size_bytes());
    if (image.size() != 0) {
        check<Here>(cudaMemcpyAsync(image.data(), w.data(), image.size(), cudaMemcpyDeviceToHost, s.get()), "cudaMemcpyAsync");
        check<Here>(cudaStreamSynchronize(s.get()), "cudaStreamSynchronize");
    }
    return unpack_image<P, Here>(image.span(), w.rows(), w.cols());
}

} // namespace lowbit::inline v0::cuda
