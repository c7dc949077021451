// SPDX-License-Identifier: MIT
// A file of tensors, whichever of the three kinds it is.
#pragma once

#include <lowbit/io/gguf.hpp>
#include <lowbit/io/npy.hpp>
#include <lowbit/io/safetensors.hpp>

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace demo {

namespace lb = lowbit;
namespace io = lb::io;

/// Mapped; told apart by its first bytes, not by its name. Tensors look into the mapping.
class model_file {
public:
    /// Throws input_error.
    explicit model_file(const std::string& path);

    /// In the order of their bytes in the file. The one array of an npy file has the file's name, less what follows its last dot.
    [[nodiscard]] std::span<const io::tensor> tensors() const { return tensors_; }
    /// Null where the file is of another kind.
    template <class Kind>
    [[nodiscard]] const Kind* as() const {
        return std::get_if<Kind>(&content_);
    }
    /// "GGUF", "safetensors" or "npy".
    [[nodiscard]] const char* kind() const;
    [[nodiscard]] const io::mapped_file& mapping() const { return mapping_; }

private:
    io::mapped_file mapping_;
    std::variant<io::safetensors, io::gguf, io::npy> content_;
    std::string stem_;
    std::vector<io::tensor> tensors_;
};

} // namespace demo
