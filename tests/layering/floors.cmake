# SPDX-License-Identifier: MIT
# Who may include whom: a header sees lower floors and its own folder, never a higher floor nor another folder on its floor.
# A word is a folder include/lowbit/<word>/, the header include/lowbit/<word>.hpp or both; some rooms are still empty.
# Lowest first.
set(floors
  "version"
  "fwd core"
  "numeric isa exec"
  "policy"
  "prune kernel"
  "quantize"
  "gemm"
  "lowbit"
  "eigen"
  "calibrate io"
  "train plan cuda"
  "distributed")

# Outside headers that only these folders may include, and headers that nobody may: they cost every user compile time.
set(only_eigen_in "eigen|exec|calibrate|train|plan")
set(only_nlohmann_in "io")
set(forbidden_headers "iostream|regex|filesystem|ranges")
