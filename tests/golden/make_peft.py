"""LoRA adapters as PEFT writes them, and what a model gives with them: tests/format/peft_test.c.

    python make_peft.py FOLDER            writes FOLDER/peft: model.safetensors, and PEFT's two files
    python make_peft.py --check FOLDER    reads FOLDER, which Rondo wrote, with PEFT: the same outputs?
"""

import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file


class Model(torch.nn.Module):
    """embedding 6 input_dim=7; dense 5 tanh; dense 3 as Rondo builds it."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(7, 6)
        self.dense = torch.nn.Linear(6, 5)
        self.dense_1 = torch.nn.Linear(5, 3)

    def forward(self, tokens):
        return self.dense_1(torch.tanh(self.dense(self.embedding(tokens))))


def base_weights(model):
    return {
        "embedding.embeddings": model.embedding.weight,
        "dense.kernel": model.dense.weight.T,
        "dense.bias": model.dense.bias,
        "dense_1.kernel": model.dense_1.weight.T,
        "dense_1.bias": model.dense_1.bias,
    }


def write(folder):
    torch.manual_seed(1)
    model = Model()
    tokens = torch.randint(0, 7, (4, 5))
    tensors = {"weight:" + k: v.detach().clone().contiguous() for k, v in base_weights(model).items()}
    config = LoraConfig(
        r=2,
        lora_alpha=3,
        target_modules=["embedding", "dense", "dense_1"],
        rank_pattern={"dense_1": 3},
        alpha_pattern={"dense_1": 4},
    )
    adapted = get_peft_model(model, config)
    for name, p in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(p, std=0.3)
    adapted.save_pretrained(folder)
    for name in ("README.md",):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    tensors["tokens"] = tokens.to(torch.int32)
    tensors["output"] = adapted.eval()(tokens).detach().contiguous()
    save_file(tensors, os.path.join(folder, "model.safetensors"))


def check(folder):
    golden = load_file(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peft", "model.safetensors"))
    model = Model()
    with torch.no_grad():
        for name, p in base_weights(model).items():
            p.copy_(golden["weight:" + name])
    adapted = PeftModel.from_pretrained(model, folder)
    found = adapted.eval()(golden["tokens"].long())
    worst = (found - golden["output"]).abs().max().item()
    print(f"largest difference {worst:.2g}")
    return worst > 1e-5


if sys.argv[1] == "--check":
    sys.exit(check(sys.argv[2]))
write(os.path.join(sys.argv[1], "peft"))
