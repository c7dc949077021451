# SPDX-License-Identifier: MIT
# files.py COPY FOLDER: writes files with the reference programs, copies them with ours (COPY IN OUT ...), and asks the reference
# programs whether they read the copies as what they wrote. Exits with 77 if none of them is there.
import importlib
import pathlib
import shutil
import subprocess
import sys

copy, folder = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"skipped: Python has no module {name}")
        return None


np = module("numpy")
gguf = module("gguf") if np else None
safetensors = module("safetensors.numpy") if np else None
ml_dtypes = module("ml_dtypes") if np else None
torch = module("torch") if safetensors else None
if np is None:
    sys.exit(77)

checks = {}  # a file, and how its copy is read
shapes = [(), (1,), (7,), (2, 3), (5, 0), (2, 1, 2), (123_457,), (1,) * 8]


def values(dtype, shape):
    count = int(np.prod(shape))
    return (np.arange(count) % 100).astype(dtype).reshape(shape)


def same(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes(), (a, b)


def npy_files():
    kinds = ["b1", "i1", "u1", "c8"] + [order + kind for order in "<>" for kind in ("i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8")]
    if ml_dtypes:
        kinds.append(ml_dtypes.bfloat16)
    for kind in kinds:
        for shape in shapes:
            array = values(kind, shape)
            path = folder / f"{len(checks)}.npy"
            np.save(path, array)
            wanted = np.load(path)  # bfloat16 comes back as raw bytes
            checks[path] = lambda copied, wanted=wanted: same(np.load(copied), wanted)


def safetensors_files():
    types = ["bool", "int8", "uint8", "int16", "uint16", "float16", "int32", "uint32", "float32", "int64", "uint64", "float64"]
    if ml_dtypes:
        types.append(ml_dtypes.bfloat16)
    lists = [
        {},
        {"one": values("float32", (2, 3))},
        {f"{t}.{len(s)}": values(t, s) for t in types for s in shapes[:-1]},
        {"": values("int8", (3,)), 'quo"te\\\n\t\x01\x7f': values("int8", (1,)), "grüße 😀": values("float16", (3,))},
    ]
    for number, tensors in enumerate(lists):
        path = folder / f"{number}.safetensors"
        safetensors.save_file(tensors, path, metadata={"format": 'np "quoted"'} if number % 2 else None)

        def check(copied, tensors=tensors):
            got = safetensors.load_file(copied)
            assert got.keys() == tensors.keys()
            for name in tensors:
                same(got[name], tensors[name])

        checks[path] = check


def torch_files():
    """What torch writes, also of types that NumPy lacks."""
    from safetensors import torch as files

    names = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
    names = [n for n in names if hasattr(torch, n)]
    tensors = {f"{n}.{len(s)}": torch.from_numpy(values("float32", s)).to(getattr(torch, n)) for n in names for s in shapes}
    path = folder / "torch.safetensors"
    files.save_file(tensors, path, metadata={"format": "pt"})

    def check(copied):
        got = files.load_file(copied)
        assert got.keys() == tensors.keys()
        for name, t in tensors.items():
            assert got[name].dtype == t.dtype and got[name].shape == t.shape and (got[name].float() == t.float()).all(), name

    checks[path] = check
    print(f"torch {torch.__version__} writes {len(names)} types")


def gguf_files():
    from gguf.quants import dequantize, quantize

    encoded = {}  # of each kind of block some that the module encodes, and if it only decodes, any bytes that are numbers
    random = np.random.default_rng(7)
    for kind in gguf.GGMLQuantizationType:
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        if elements == 1 or kind.name in ("Q8_1", "Q8_K"):  # of activations; the module has another size for the first
            continue
        try:
            encoded[kind] = quantize(random.standard_normal((3, 512)).astype(np.float32), kind)
        except NotImplementedError:
            raw = random.integers(0, 256, (400, size), dtype=np.uint8)
            try:
                with np.errstate(all="ignore"):
                    raw = raw[np.isfinite(dequantize(raw, kind)).all(axis=1)]
            except NotImplementedError:
                pass
            if kind.name == "NVFP4":  # two NaN of E4M3, which ggml reads as numbers and ours refuses
                raw = raw[(raw[:, :4] & 0x7F != 0x7F).all(axis=1)]
            encoded[kind] = np.ascontiguousarray(raw[:30]).reshape(3, -1)
    assert len(encoded) > 20, encoded.keys()
    for number, (order, alignment) in enumerate([("LITTLE", None), ("LITTLE", 64), ("BIG", None)]):
        path = folder / f"{number}.gguf"
        writer = gguf.GGUFWriter(path, "test", endianess=gguf.GGUFEndian[order])
        if alignment:
            writer.add_custom_alignment(alignment)
        for bits in (8, 16, 32, 64):
            getattr(writer, f"add_uint{bits}")(f"a.u{bits}", 2**bits - 1)
            getattr(writer, f"add_int{bits}")(f"a.i{bits}", -(2 ** (bits - 1)))
        writer.add_float32("a.f32", 1.5)
        writer.add_float64("a.f64", -0.1)
        writer.add_bool("a.bool", True)
        writer.add_string("a.string", "grüße 😀")
        writer.add_array("a.ints", [1, -2, 3])
        writer.add_array("a.floats", [0.5, -1.0])
        writer.add_array("a.bools", [True, False, True])
        writer.add_array("a.strings", ["", "x", "grüße"] * 100)
        for kind in ("float32", "float16", "float64", "int8", "int16", "int32", "int64"):
            writer.add_tensor(f"{kind}.2", values(kind, (3, 5)))
            writer.add_tensor(f"{kind}.1", values(kind, (7,)))
        if order == "LITTLE":  # the module does not turn blocks round
            for kind, raw in encoded.items():
                writer.add_tensor(kind.name, raw, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

        def check(copied, path=path):
            want, got = gguf.GGUFReader(path), gguf.GGUFReader(copied)
            assert list(want.fields) == list(got.fields)
            for key in want.fields:
                a, b = want.fields[key], got.fields[key]
                assert a.types == b.types and a.contents() == b.contents(), key
            assert [t.name for t in want.tensors] == [t.name for t in got.tensors]
            for a, b in zip(want.tensors, got.tensors):
                assert a.tensor_type == b.tensor_type
                same(a.data, b.data)

        checks[path] = check


def decoded_files(path):
    """Compares what ours decodes with what gguf does, to the bit, and the metadata that ours takes by its types."""
    from gguf.quants import dequantize
    from safetensors import safe_open

    decoded = folder / "decoded.safetensors"
    subprocess.run([copy, path, decoded], check=True)
    file, ours, count = gguf.GGUFReader(path), safetensors.load_file(decoded), 0
    for t in file.tensors:
        if t.name not in ours:
            continue
        try:
            theirs = dequantize(t.data, t.tensor_type) if t.data.dtype == np.uint8 else t.data
        except NotImplementedError:
            continue
        a, b = ours[t.name].reshape(-1), np.asarray(theirs, dtype=np.float32).reshape(-1)
        assert (a.view("u4") == b.view("u4")).all(), t.name
        count += 1

    with safe_open(decoded, "numpy") as f:
        texts = f.metadata()
    kinds = {"UINT": "u", "INT": "i", "FLOAT": "f", "BOOL": "b8", "STRING": "s"}
    for key, field in file.fields.items():
        if key.startswith("GGUF."):  # what the header says
            continue
        name, value, array = field.types[-1].name, field.contents(), len(field.types) > 1
        kind = kinds[name.rstrip("0123456789")] + name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        items = [f"{x:.17g}" if kind[0] == "f" else str(x) if kind == "s" else str(int(x)) for x in (value if array else [value])]
        assert texts.pop(key) == " ".join([kind + "[]" * array] + items), key
    assert not texts
    return count


npy_files()
if safetensors:
    safetensors_files()
if torch:
    torch_files()
if gguf:
    gguf_files()

copies = {path: path.with_name("copy_of_" + path.name) for path in checks}
subprocess.run([copy] + [str(p) for pair in copies.items() for p in pair], check=True)
different = 0
for path, copied in copies.items():
    checks[path](copied)
    if path.read_bytes() != copied.read_bytes():
        print(f"{copied} is not what {path} is, to the byte")
        different += 1
print(f"{len(checks)} files, {different} copies differ")
if gguf and safetensors:
    for order, name in ("little", "0.gguf"), ("big", "2.gguf"):
        print(f"{decoded_files(folder / name)} tensors of a {order}-endian file decode to the same bits")
sys.exit(1 if different else 0)
