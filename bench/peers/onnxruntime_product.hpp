// SPDX-License-Identifier: MIT
// The peer ONNX Runtime: models of one node, MatMulNBits or DynamicQuantizeMatMul, written to memory here.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gemm_case.hpp"
#include "peers/plain_codes.hpp"

namespace bench {

/// The few fields of ONNX's protocol buffers that a model of one node has; numbers are those of onnx.proto.
class onnx_message {
public:
    onnx_message& number(unsigned field, std::uint64_t value) {
        varint(field << 3);
        varint(value);
        return *this;
    }
    onnx_message& bytes(unsigned field, std::string_view value) {
        varint(field << 3 | 2);
        varint(value.size());
        text_.append(value);
        return *this;
    }
    onnx_message& message(unsigned field, const onnx_message& m) { return bytes(field, m.text_); }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    void varint(std::uint64_t value) {
        for (; value >= 128; value >>= 7) text_.push_back(static_cast<char>(value | 128));
        text_.push_back(static_cast<char>(value));
    }
    std::string text_;
};

/// A model Y = node(X, initializers...) in the making.
class onnx_model {
public:
    enum element : std::uint64_t { f32 = 1, u8 = 2, s8 = 3 };

    onnx_model(const gemm_case& shape, std::string_view operation) {
        node_.bytes(4, operation).bytes(7, "com.microsoft").bytes(1, "X").bytes(2, "Y");
        graph_.bytes(2, "product").message(11, value("X", shape.m, shape.k)).message(12, value("Y", shape.m, shape.n));
    }
    onnx_model& attribute(std::string_view name, std::size_t value) {
        node_.message(5, onnx_message().bytes(1, name).number(20, 2).number(3, value));
        return *this;
    }
    template <class T>
    onnx_model& input(std::string_view name, element type, std::initializer_list<std::size_t> dims, const std::vector<T>& data) {
        onnx_message tensor;
        for (const std::size_t d : dims) tensor.number(1, d);
        const std::string_view raw(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(T));
        graph_.message(5, tensor.number(2, type).bytes(8, name).bytes(9, raw));
        node_.bytes(1, name);
        return *this;
    }
    [[nodiscard]] std::string text() {
        const auto version = [](std::string_view domain, std::uint64_t number) {
            return onnx_message().bytes(1, domain).number(2, number);
        };
        graph_.message(1, node_);
        return onnx_message()
            .number(1, 8)
            .message(8, version("", 17))
            .message(8, version("com.microsoft", 1))
            .message(7, graph_)
            .text();
    }

private:
    static onnx_message value(std::string_view name, std::size_t rows, std::size_t cols) {
        onnx_message dims;
        for (const std::size_t d : {rows, cols}) dims.message(1, onnx_message().number(1, d));
        const auto tensor = onnx_message().number(1, f32).message(2, dims);
        return onnx_message().bytes(1, name).message(2, onnx_message().message(1, tensor));
    }
    onnx_message node_, graph_;
};

/// Weights of so many bits with a scale for each group. Accuracy level 4 meets them with int8 activations, 1 with floats.
template <int Bits, std::size_t Group, std::size_t Accuracy>
struct matmul_nbits {
    static constexpr int bits = Bits;
    static constexpr std::size_t group = Group;
    static std::string model(const gemm_case& shape, std::vector<std::uint8_t> codes, const std::vector<float>& scales) {
        return onnx_model(shape, "MatMulNBits")
            .attribute("K", shape.k)
            .attribute("N", shape.n)
            .attribute("bits", Bits)
            .attribute("block_size", group)
            .attribute("accuracy_level", Accuracy)
            .input("B", onnx_model::u8, {shape.n, shape.k / group, group * Bits / 8}, codes)
            .input("scales", onnx_model::f32, {scales.size()}, scales)
            .text();
    }
};

/// 8-bit weights with a scale for each output; activations are quantized with one scale for all rows.
struct dynamic_quantize_matmul {
    static constexpr int bits = 8;
    static constexpr std::size_t group = 0;
    static std::string model(const gemm_case& shape, std::vector<std::uint8_t> codes, const std::vector<float>& scales) {
        std::vector<std::uint8_t> columns(codes.size());
        constexpr std::size_t block = 64; // so that reading and writing both stay in the cache
        for (std::size_t n0 = 0; n0 < shape.n; n0 += block) {
            for (std::size_t k = 0; k < shape.k; ++k) {
                for (std::size_t n = n0; n < n0 + block; ++n)
                    columns[k * shape.n + n] = static_cast<std::uint8_t>(codes[n * shape.k + k] ^ 128);
            }
        }
        return onnx_model(shape, "DynamicQuantizeMatMul")
            .input("B", onnx_model::s8, {shape.k, shape.n}, columns)
            .input("scales", onnx_model::f32, {scales.size()}, scales)
            .text();
    }
};

template <class Operation>
class onnxruntime_product {
public:
    explicit onnxruntime_product(const gemm_case& shape)
        : shape_(shape), x_(shape.inputs()), y_(shape.m, shape.n), environment_(pool(shape.threads), ORT_LOGGING_LEVEL_FATAL),
          turn_(shape.copies) {
        const auto& weights = plain_codes::of(shape, Operation::bits, Operation::group == 0 ? shape.k : Operation::group);
        std::vector<std::uint8_t> codes = weights.excess(Operation::bits);
        weight_bytes_ = codes.size() + weights.scales.size() * sizeof(float);
        Ort::SessionOptions options;
        options.DisablePerSessionThreads(); // all copies share the environment's
        for (std::size_t i = 0; i < shape.copies; ++i) {
            codes[i] ^= 1; // equal weights would be packed once for all sessions
            const std::string model = Operation::model(shape, codes, weights.scales);
            sessions_.emplace_back(environment_, model.data(), model.size(), options);
        }
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
        const auto tensor = [&](lowbit::matrix<float>& m) {
            const std::array dims{static_cast<std::int64_t>(m.rows()), static_cast<std::int64_t>(m.cols())};
            return Ort::Value::CreateTensor<float>(memory, m.data(), m.rows() * m.cols(), dims.data(), dims.size());
        };
        input_ = tensor(x_);
        output_ = tensor(y_);
    }

    void operator()() {
        const char* const x = "X";
        const char* const y = "Y";
        sessions_[turn_()].Run(Ort::RunOptions{nullptr}, &x, &input_, 1, &y, &output_, 1);
    }
    [[nodiscard]] std::size_t weight_bytes() const { return weight_bytes_; }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, x_, y_);
    }

private:
    static Ort::ThreadingOptions pool(std::size_t threads) {
        Ort::ThreadingOptions options;
        options.SetGlobalIntraOpNumThreads(static_cast<int>(threads));
        options.SetGlobalInterOpNumThreads(1);
        return options;
    }

    gemm_case shape_;
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    Ort::Env environment_;
    std::vector<Ort::Session> sessions_;
    Ort::Value input_{nullptr};
    Ort::Value output_{nullptr};
    std::size_t weight_bytes_ = 0;
    turns turn_;
};

} // namespace bench
