"""A small decoder and its head, written by hand as the compiler writes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from triptych.configuration import PretrainedConfig
from triptych.pytorch import (
    Block,
    Cache,
    Mask,
    ModelOutput,
    PreTrainedModel,
    RMSNorm,
    Slots,
    StateSpec,
    Taps,
    activation,
    attention,
    causal,
    kv_cache,
    new_positions,
    next_token_loss,
    normal,
    one_of,
    ones,
    padding,
    with_past,
    zeros,
)


class TinyConfig(PretrainedConfig):
    model_type = "tiny_for_tests"

    vocab_size: int = 37
    hidden_size: int = 32
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    max_position_embeddings: int = 64
    hidden_act: str = "gelu"
    dropout: float = 0.0
    initializer_range: float = 0.02
    use_cache: bool = True


class TinyAttention(nn.Module):
    def __init__(self, config: TinyConfig):
        super().__init__()
        self.num_attention_heads = config.num_attention_heads
        self.num_key_value_heads = config.num_key_value_heads
        head_dim = config.hidden_size // config.num_attention_heads
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * head_dim)
        self.k_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * head_dim)
        self.v_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * head_dim)
        self.o_proj = nn.Linear(config.num_attention_heads * head_dim, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden: Tensor, attend: Mask, *, past: Slots | None = None, taps: Taps
    ) -> Tensor:
        q = self.q_proj(hidden).unflatten(-1, (self.num_attention_heads, -1)).transpose(1, 2)
        k = self.k_proj(hidden).unflatten(-1, (self.num_key_value_heads, -1)).transpose(1, 2)
        v = self.v_proj(hidden).unflatten(-1, (self.num_key_value_heads, -1)).transpose(1, 2)
        if past is not None:
            k, v = past.kv.update(k, v)
        context = attention(
            q, k, v, mask=attend, dropout=self.dropout, emit="attentions", taps=taps
        )
        return self.o_proj(context.transpose(1, 2).flatten(2))


class TinyLayer(Block):
    def __init__(self, config: TinyConfig):
        super().__init__()
        self.norm = RMSNorm(config.hidden_size)
        self.self_attn = TinyAttention(config)
        self.mlp = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})
        self.act = activation(config.hidden_act)

    def forward(
        self, hidden: Tensor, attend: Mask, *, past: Slots | None = None, taps: Taps
    ) -> Tensor:
        hidden = hidden + self.self_attn(self.norm(hidden), attend, past=past, taps=taps)
        return hidden + self.act(self.mlp["dense"](hidden))


class TinyPreTrainedModel(PreTrainedModel):
    config_class = TinyConfig
    base_model_prefix = "model"
    initializers = {
        "linear": normal("initializer_range"),
        "embedding": normal("initializer_range"),
        "bias": zeros(),
        "norm": ones(),
    }
    roles = {"input_embeddings": "embed_tokens"}


@dataclass(repr=False)
class TinyModelOutput(ModelOutput):
    last_hidden_state: Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class TinyModel(TinyPreTrainedModel):
    def __init__(self, config: TinyConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.embed_positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList([TinyLayer(config) for _ in range(config.num_hidden_layers)])
        self.post_init()

    def cache_layout(self) -> list[dict[str, StateSpec]]:
        config = self.config
        head_dim = config.hidden_size // config.num_attention_heads
        return [
            {"kv": kv_cache(config.num_key_value_heads, head_dim)}
            for _ in range(config.num_hidden_layers)
        ]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> TinyModelOutput | tuple:
        one_of(input_ids=input_ids, inputs_embeds=inputs_embeds)
        taps = self.taps(
            output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        past = self.open_cache(past_key_values, use_cache)
        hidden = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        s = hidden.shape[1]
        if position_ids is None:
            position_ids = new_positions(s, past, device=hidden.device)
        hidden = hidden + self.embed_positions(position_ids)
        attend = padding(attention_mask) & causal(past)
        taps.add(hidden_states=hidden)
        for block, slots in with_past(self.layers, past):
            hidden = block(hidden, attend, past=slots, taps=taps)
            taps.add(hidden_states=hidden)
        if past is not None:
            past.advance(s)
        output = TinyModelOutput(
            last_hidden_state=hidden,
            past_key_values=past,
            hidden_states=taps.hidden_states,
            attentions=taps.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()


@dataclass(repr=False)
class TinyForCausalLMOutput(ModelOutput):
    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class TinyForCausalLM(TinyPreTrainedModel):
    roles = {"input_embeddings": "embed_tokens", "output_embeddings": "lm_head"}

    def __init__(self, config: TinyConfig):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.tie(self.lm_head, self.model.embed_tokens)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> TinyForCausalLMOutput | tuple:
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.lm_head(outputs.last_hidden_state)
        loss = next_token_loss(logits, labels) if labels is not None else None
        output = TinyForCausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()


def tiny(**values) -> TinyForCausalLM:
    """A model with random weights that are large enough to tell positions apart."""
    torch.manual_seed(0)
    return TinyForCausalLM(TinyConfig(initializer_range=0.3, **values)).eval()
