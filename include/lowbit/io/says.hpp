// SPDX-License-Identifier: MIT
// says: the sentences in which readers and writers of several kinds of files complain.
#pragma once

namespace lowbit::inline v0::io::detail::says {

inline constexpr const char* header_too_long = "the header is longer than the limit";
inline constexpr const char* two_of_a_name = "two tensors have the same name";
inline constexpr const char* too_many_dims = "a tensor has more dimensions than the limit";
inline constexpr const char* name_too_long = "a name is longer than the limit";
inline constexpr const char* too_many_tensors = "there are more tensors than the limit";
inline constexpr const char* not_its_shape = "the tensor's bytes are not those of its shape";
inline constexpr const char* no_such_tensor = "the file has no tensor of that name";
inline constexpr const char* not_json = "the header is not valid JSON in UTF-8";
inline constexpr const char* header_too_large = "the header asks for more memory than the file's size justifies";
inline constexpr const char* no_memory = "no memory for the file's header";
inline constexpr const char* bytes_left = "bytes after the last tensor belong to none";
inline constexpr const char* tensor_cut = "a tensor ends after the file does";
inline constexpr const char* array_too_large = "the array's size does not fit 64 bits";

} // namespace lowbit::inline v0::io::detail::says
