"""What the golden files cover: one row a case.  A model is written as Rondo's specs.

A chain is one string; a graph is a list of (spec, inputs), where an input is (node, port) and the model's
inputs are the first nodes.  A spec "=3" applies the layer of node 3 once more.
"""

CELLS = {
    "simple_rnn": "simple_rnn 4",
    "lstm": "lstm 4",
    "gru": "gru 4",
    "gru_before": "gru 4 reset_after=false",
}
STATES = {"simple_rnn": 1, "lstm": 2, "gru": 1, "gru_before": 1}
SEQUENCE = ("f32", [5, 3])
RAGGED = ("f32", [0, 3])
VECTOR = ("f32", [3])
# Rows of a mask: padding before, inside and after.
HOLES = [[0, 0, 1, 1, 1], [1, 0, 1, 1, 0], [1, 1, 1, 0, 0]]


def case(name, model, inputs=(SEQUENCE,), outputs=None, loss="mse", optimizer="sgd learning_rate=0.1",
         **more):
    """more: scale (of weights), lengths (of input 0), mask (steps of input 0 to fill with mask_value, 0),
    batches (2: a second one follows, for carried state), sample_weights, soft (targets), rows."""
    if isinstance(model, str):
        n = len(inputs)
        specs = [s.strip() for s in model.split(";")]
        model = [(s, [(n - 1 + i, 0)]) for i, s in enumerate(specs)]
    outputs = outputs or [(len(inputs) + len(model) - 1, 0)]
    return dict(more, name=name, nodes=model, inputs=list(inputs), outputs=outputs, loss=loss,
                optimizer=optimizer)


def cells():
    """Every cell with every option of a recurrent layer."""
    for name, spec in CELLS.items():
        states = STATES[name]
        yield case(f"{name}", spec, optimizer="adam")
        yield case(f"{name}_sequences", f"{spec} return_sequences")
        yield case(f"{name}_stacked", f"{spec} return_sequences; {spec} return_sequences; {spec}; dense 2")
        yield case(f"{name}_backwards", f"{spec} go_backwards")
        yield case(f"{name}_backwards_sequences", f"{spec} go_backwards return_sequences; dense 2")
        yield case(f"{name}_no_bias", f"{spec} return_sequences no_bias; dense 2 no_bias")
        yield case(f"{name}_return_state", f"{spec} return_sequences return_state",
                   outputs=[(1, p) for p in range(states + 1)])
        yield case(f"{name}_state_of_last", f"{spec} return_state",
                   outputs=[(1, p) for p in range(states + 1)])
        # The gradient of the initial state reaches the dense layers that make it.
        yield case(f"{name}_initial_state",
                   [("dense 4 tanh", [(1, 0)])] * states
                   + [(f"{spec} return_sequences", [(0, 0)] + [(2 + i, 0) for i in range(states)])],
                   inputs=(SEQUENCE, VECTOR))
        yield case(f"{name}_encoder_decoder",
                   [(f"{spec} return_state", [(0, 0)]),
                    (f"{spec} return_sequences", [(1, 0)] + [(2, 1 + i) for i in range(states)]),
                    ("dense 3 softmax", [(3, 0)])],
                   inputs=(SEQUENCE, ("f32", [4, 2])), loss="sparse_categorical_crossentropy")
        yield case(f"{name}_stateful", f"{spec} stateful return_sequences; dense 2", batches=2)
        yield case(f"{name}_ragged", f"{spec}; dense 2", inputs=(RAGGED,), lengths=[5, 2, 3, 1], rows=4)
        yield case(f"{name}_ragged_sequences", f"{spec} return_sequences; {spec} return_sequences; dense 2",
                   inputs=(RAGGED,), lengths=[2, 5, 3], optimizer="rmsprop")
        yield case(f"{name}_ragged_backwards", f"{spec} go_backwards", inputs=(RAGGED,), lengths=[2, 5, 3])
        yield case(f"{name}_ragged_states", f"{spec} return_sequences return_state", inputs=(RAGGED,),
                   lengths=[2, 5, 3], outputs=[(1, p) for p in range(states + 1)])
        yield case(f"{name}_ragged_empty_row", f"{spec}; dense 2", inputs=(RAGGED,), lengths=[3, 0, 5])
        yield case(f"{name}_masking", f"masking mask_value=0; {spec} return_sequences; dense 2", mask=HOLES)
        yield case(f"{name}_masking_last", f"masking mask_value=0; {spec}", mask=HOLES)
        yield case(f"{name}_masking_backwards", f"masking mask_value=0; {spec} go_backwards", mask=HOLES)
        yield case(f"{name}_masking_stacked",
                   f"masking mask_value=0; {spec} return_sequences; {spec}; dense 2", mask=HOLES)
        yield case(f"{name}_masking_merge",
                   f"masking mask_value=0; {spec} return_sequences merge=concat; dense 2", mask=HOLES)


def bidirectional():
    for name, spec in CELLS.items():
        states = STATES[name]
        for merge in ("concat", "sum", "mul", "ave"):
            yield case(f"{name}_merge_{merge}", f"{spec} return_sequences merge={merge}; dense 2")
        yield case(f"{name}_merge_last", f"{spec} merge=concat", optimizer="adamw")
        yield case(f"{name}_merge_states", f"{spec} return_sequences return_state merge=concat",
                   outputs=[(1, p) for p in range(2 * states + 1)])
        yield case(f"{name}_merge_initial_state",
                   [("dense 4 tanh", [(1, 0)])] * (2 * states)
                   + [(f"{spec} return_sequences merge=sum",
                       [(0, 0)] + [(2 + i, 0) for i in range(2 * states)])],
                   inputs=(SEQUENCE, VECTOR))
        yield case(f"{name}_merge_stacked", f"{spec} return_sequences merge=concat; {spec} merge=mul; dense 2")
        yield case(f"{name}_merge_ragged", f"{spec} return_sequences merge=concat; {spec} merge=concat; dense 2",
                   inputs=(RAGGED,), lengths=[2, 5, 3])


def activations():
    """Every activation: of a cell, of its gates, and of a dense layer, side by side."""
    for name, scale in (("tanh", 0.8), ("sigmoid", 0.8), ("linear", 0.5), ("relu", 0.8), ("elu", 0.8),
                        ("selu", 0.7), ("leaky_relu", 0.8), ("leaky_relu(0.05)", 0.8), ("gelu", 0.8),
                        ("silu", 0.8), ("softplus", 0.5), ("softsign", 0.8), ("mish", 0.8),
                        ("exponential", 0.3), ("hard_sigmoid", 1.9), ("hard_sigmoid_k2", 1.7),
                        ("hard_tanh", 0.8), ("softmax", 0.8)):
        file = name.replace("(", "_").replace(")", "").replace(".", "")
        yield case(f"activation_{file}",
                   [(f"simple_rnn 3 {name} return_sequences", [(0, 0)]),
                    (f"lstm 3 {name} return_sequences", [(0, 0)]),
                    (f"lstm 3 recurrent_activation={name} return_sequences", [(0, 0)]),
                    (f"gru 3 {name} return_sequences", [(0, 0)]),
                    (f"gru 3 recurrent_activation={name} return_sequences", [(0, 0)]),
                    (f"gru 3 {name} recurrent_activation={name} reset_after=false return_sequences", [(0, 0)]),
                    (f"dense 3 {name}", [(0, 0)])],
                   outputs=[(1 + i, 0) for i in range(7)], scale=scale,
                   optimizer="sgd learning_rate=0.02", rows=2)
    yield case("activation_per_gate",
               [("lstm 3 activations='i=hard_sigmoid_k2 f=sigmoid c=elu o=softsign h=relu' return_sequences",
                 [(0, 0)]),
                ("gru 3 activations='z=hard_sigmoid r=softplus h=selu' return_sequences", [(0, 0)])],
               outputs=[(1, 0), (2, 0)], scale=1.5, optimizer="sgd learning_rate=0.02")
    yield case("activation_merge",
               "lstm 3 elu recurrent_activation=hard_sigmoid merge=concat return_sequences; dense 2",
               scale=1.9, optimizer="sgd learning_rate=0.02")


def learned():
    """Keras' PReLU, a slope for every unit, and PyTorch's, one for all."""
    yield case("activation_prelu", "dense 5; activation prelu(0); simple_rnn 4; activation prelu(0)", scale=0.9)
    yield case("torch_prelu", "dense 5; activation prelu(0.25,1); simple_rnn 4; activation prelu(0.25,1)",
               scale=0.9)


# Rondo's name of a function and what it is in Keras (k) or PyTorch (F); sparsemax as its paper has it.
FUNCTIONS = {
    "linear": "k.linear(x)", "sigmoid": "k.sigmoid(x)", "tanh": "k.tanh(x)", "relu": "k.relu(x)",
    "relu(0.1,2,0.5)": "k.relu(x, negative_slope=0.1, max_value=2.0, threshold=0.5)",
    "relu6": "k.relu6(x)", "leaky_relu": "k.leaky_relu(x)", "leaky_relu(0.01)": "F.leaky_relu(x)",
    "threshold(0.3,-2)": "F.threshold(x, 0.3, -2.0)", "thresholded_relu(0.7)": "F.threshold(x, 0.7, 0.0)",
    "elu": "k.elu(x)", "elu(0.5)": "k.elu(x, alpha=0.5)", "selu": "k.selu(x)", "celu": "k.celu(x)",
    "celu(0.4)": "F.celu(x, 0.4)", "softplus": "k.softplus(x)", "softplus(2)": "F.softplus(x, beta=2, threshold=1e9)",
    "softplus_threshold": "F.softplus(x)", "softplus_threshold(0.5,1)": "F.softplus(x, beta=0.5, threshold=1)",
    "squareplus": "k.squareplus(x)", "squareplus(1)": "k.squareplus(x, b=1)", "sparse_plus": "k.sparse_plus(x)",
    "gelu": "k.gelu(x, approximate=False)", "gelu(1)": "k.gelu(x, approximate=True)", "silu": "k.silu(x)",
    "swish": "F.silu(x)", "hard_silu": "k.hard_silu(x)", "hardswish": "F.hardswish(x)", "mish": "k.mish(x)",
    "exponential": "k.exponential(x)", "softsign": "k.softsign(x)", "hard_sigmoid": "torch.clamp(x / 6 + 0.5, 0, 1)",
    "hard_sigmoid_k2": "torch.clamp(0.2 * x + 0.5, 0, 1)", "sparse_sigmoid": "k.sparse_sigmoid(x)",
    "log_sigmoid": "k.log_sigmoid(x)", "hard_tanh": "k.hard_tanh(x)", "hardtanh(-2,0.5)": "F.hardtanh(x, -2.0, 0.5)",
    "hard_shrink": "k.hard_shrink(x)", "hard_shrink(1)": "k.hard_shrink(x, threshold=1.0)",
    "soft_shrink": "k.soft_shrink(x)", "soft_shrink(1)": "k.soft_shrink(x, threshold=1.0)",
    "tanh_shrink": "k.tanh_shrink(x)", "softmax": "k.softmax(x)", "log_softmax": "k.log_softmax(x)",
    "softmin": "F.softmin(x, -1)", "sparsemax": "sparsemax(x)",
}


def layers():
    tokens = (("i32", [5]),)
    yield case("dense", "dense 5 tanh; dense 2", inputs=(VECTOR,))
    yield case("dense_per_step", "dense 4 gelu; dense 2 no_bias")
    yield case("embedding", "embedding 4 input_dim=11; lstm 4; dense 3 softmax", inputs=tokens,
               loss="sparse_categorical_crossentropy", optimizer="adam learning_rate=0.01")
    yield case("embedding_language", "embedding 4 input_dim=7; gru 4 return_sequences; dense 7 softmax",
               inputs=tokens, loss="sparse_categorical_crossentropy", optimizer="rmsprop")
    yield case("embedding_ragged", "embedding 4 input_dim=7; lstm 4 return_sequences; dense 7 softmax",
               inputs=(("i32", [0]),), lengths=[2, 5, 3], loss="sparse_categorical_crossentropy")
    yield case("embedding_mask_zero", "embedding 4 input_dim=4 mask_zero; gru 4 return_sequences; "
               "dense 4 softmax", inputs=tokens, loss="sparse_categorical_crossentropy")
    yield case("masking_value", "masking mask_value=0.5; lstm 4 return_sequences; dense 2", mask=HOLES,
               mask_value=0.5)
    yield case("masking_dense", "masking mask_value=0.5; dense 2 tanh", mask=HOLES, mask_value=0.5)
    yield case("layer_normalization", "layer_normalization; simple_rnn 4 return_sequences; "
               "layer_normalization epsilon=0.01; dense 2")
    yield case("layer_normalization_vector", "dense 5; layer_normalization; dense 2", inputs=(VECTOR,))
    yield case("glu", "simple_rnn 6 linear return_sequences; glu; dense 2")
    for name, spec in (("adaptive_softmax", "adaptive_softmax 20 cutoffs='6 13' div_value=2"),
                       ("adaptive_softmax_bias", "adaptive_softmax 9 cutoffs='2' head_bias")):
        yield case(name, f"lstm 6 return_sequences; {spec}", loss="sparse_categorical_crossentropy",
                   optimizer="adam learning_rate=0.01", rows=4)
    for kind in ("last", "max", "average"):
        yield case(f"pool_{kind}", f"gru 4 return_sequences; pool {kind}; dense 2")
    pooled = "lstm 4 return_sequences merge=concat; pool last max average; dense 3 softmax"
    for name, more in (("", {}), ("_ragged", dict(inputs=(RAGGED,), lengths=[2, 5, 3])),
                       ("_masking", dict(mask=HOLES))):
        masking = "masking mask_value=0; " if name == "_masking" else ""
        yield case(f"pool_concat{name}", masking + pooled, loss="sparse_categorical_crossentropy", **more)
        yield case(f"pool_inputs{name}", masking + "pool average max; dense 2", **more)
    yield case("concat", [("lstm 3 return_sequences", [(0, 0)]), ("gru 4 return_sequences", [(0, 0)]),
                          ("concat", [(1, 0), (2, 0)]), ("simple_rnn 3", [(3, 0)])])
    yield case("concat_vectors", [("lstm 3", [(0, 0)]), ("dense 3 tanh", [(1, 0)]),
                                  ("concat", [(2, 0), (3, 0), (1, 0)]), ("dense 2", [(4, 0)])],
               inputs=(SEQUENCE, VECTOR))
    yield case("add_residual", [("lstm 3 return_sequences", [(0, 0)]), ("add", [(0, 0), (1, 0)]),
                                ("gru 3 return_sequences", [(2, 0)]), ("add", [(3, 0), (2, 0), (1, 0)]),
                                ("dense 2", [(4, 0)])])
    yield case("shared", [("lstm 3", [(0, 0)]), ("=2", [(1, 0)]), ("concat", [(2, 0), (3, 0)]),
                          ("dense 1 sigmoid", [(4, 0)])],
               inputs=(SEQUENCE, ("f32", [4, 3])), loss="binary_crossentropy")
    yield case("two_losses", [("lstm 4 return_sequences", [(0, 0)]), ("dense 3 softmax", [(1, 0)]),
                              ("gru 3", [(1, 0)]), ("dense 1", [(3, 0)])],
               outputs=[(2, 0), (4, 0)], loss="sparse_categorical_crossentropy; mse")


def losses():
    for name, spec, loss in (
            ("sparse_categorical_crossentropy", "dense 4 softmax", "sparse_categorical_crossentropy"),
            ("categorical_crossentropy", "dense 4 softmax", "categorical_crossentropy"),
            ("binary_crossentropy", "dense 2 sigmoid", "binary_crossentropy"),
            ("mse", "dense 2", "mse"), ("mae", "dense 2", "mae"), ("huber", "dense 2", "huber"),
            ("huber_delta", "dense 2", "huber delta=0.3"),
            # Not fused with the activation below them.
            ("categorical_crossentropy_of_sigmoid", "dense 4 sigmoid", "categorical_crossentropy"),
            ("sparse_categorical_crossentropy_of_sigmoid", "dense 4 sigmoid",
             "sparse_categorical_crossentropy"),
            ("binary_crossentropy_of_softmax", "dense 3 softmax", "binary_crossentropy")):
        yield case(f"loss_{name}", f"simple_rnn 4; {spec}", loss=loss, rows=6)
        yield case(f"loss_{name}_per_step", f"simple_rnn 4 return_sequences; {spec}", loss=loss)
    yield case("loss_soft_targets", "simple_rnn 4; dense 4 softmax", loss="categorical_crossentropy",
               soft=True)
    for name, head, loss in (("sparse", "dense 4 softmax", "sparse_categorical_crossentropy"),
                             ("soft", "dense 4 softmax", "categorical_crossentropy"),
                             ("binary", "dense 2 sigmoid", "binary_crossentropy")):
        yield case(f"loss_label_smoothing_{name}", f"simple_rnn 4; {head}",
                   loss=f"{loss} label_smoothing=0.1", soft=name == "soft", rows=6)
    yield case("loss_label_smoothing_per_step", "masking mask_value=0; gru 4 return_sequences; dense 3 softmax",
               loss="sparse_categorical_crossentropy label_smoothing=0.2", mask=HOLES, sample_weights=True)
    yield case("loss_label_smoothing_of_sigmoid", "simple_rnn 4; dense 4 sigmoid",
               loss="categorical_crossentropy label_smoothing=0.1", rows=6)
    yield case("loss_sample_weights", "simple_rnn 4; dense 2", sample_weights=True)
    yield case("loss_sample_weights_per_step", "simple_rnn 4 return_sequences; dense 3 softmax",
               loss="sparse_categorical_crossentropy", sample_weights=True)
    yield case("loss_masked_crossentropy", "masking mask_value=0; gru 4 return_sequences; dense 3 softmax",
               loss="sparse_categorical_crossentropy", mask=HOLES)


def optimizers():
    specs = {
        "sgd": "sgd", "sgd_momentum": "sgd learning_rate=0.05 momentum=0.9",
        "sgd_nesterov": "sgd learning_rate=0.05 momentum=0.9 nesterov",
        "rmsprop": "rmsprop", "rmsprop_rho": "rmsprop learning_rate=0.01 rho=0.7 epsilon=0.001",
        "rmsprop_momentum": "rmsprop learning_rate=0.01 momentum=0.5",
        "adam": "adam", "adam_betas": "adam learning_rate=0.02 beta_1=0.8 beta_2=0.9 epsilon=0.0001",
        "adamw": "adamw learning_rate=0.01", "adamw_decay": "adamw learning_rate=0.01 weight_decay=0.1",
        "sgd_decay": "sgd learning_rate=0.1 weight_decay=0.05",
        "adam_decay": "adam learning_rate=0.01 weight_decay=0.05",
        "sgd_clipvalue": "sgd learning_rate=0.1 clipvalue=0.05",
        "sgd_clipnorm": "sgd learning_rate=0.1 clipnorm=0.1",
        "sgd_global_clipnorm": "sgd learning_rate=0.1 global_clipnorm=0.2",
        "adam_clipvalue": "adam learning_rate=0.01 clipvalue=0.05",
        "adamw_clipnorm": "adamw learning_rate=0.01 clipnorm=0.1",
        "rmsprop_global_clipnorm": "rmsprop learning_rate=0.01 global_clipnorm=0.2",
        "sgd_momentum_global_clipnorm": "sgd learning_rate=0.05 momentum=0.9 global_clipnorm=0.2",
        "sgd_cosine": "sgd learning_rate=0.2 schedule='cosine decay_steps=8'",
        "adam_cosine_alpha": "adam learning_rate=0.02 schedule='cosine decay_steps=12 alpha=0.1'",
        "adam_cosine_warmup": "adam learning_rate=0.02 schedule='cosine decay_steps=6 warmup_steps=3'",
        "sgd_exponential": "sgd learning_rate=0.2 schedule='exponential decay_steps=4 decay_rate=0.5'",
        "rmsprop_staircase":
            "rmsprop learning_rate=0.01 schedule='exponential decay_steps=4 decay_rate=0.5 staircase'",
        "sgd_ema": "sgd learning_rate=0.2 use_ema ema_momentum=0.7",
        "adam_ema": "adam learning_rate=0.02 use_ema",
        "asgd": "asgd learning_rate=0.2 t0=3", "asgd_at_once": "asgd learning_rate=0.2 t0=0 lambd=0",
        "asgd_decay": "asgd learning_rate=0.1 lambd=0.1 alpha=0.5 t0=5 weight_decay=0.05",
    }
    for name, spec in specs.items():
        yield case(f"optimizer_{name}", "embedding 3 input_dim=6; simple_rnn 4; dense 2",
                   inputs=(("i32", [5]),), optimizer=spec)


def torch_cases():
    """PyTorch's modules; `layers` and `directions` stack them as Rondo layers."""
    for kind in ("RNN", "LSTM", "GRU"):
        for layers, directions, lengths in ((1, 1, None), (2, 1, None), (2, 2, None), (1, 1, [3, 5, 2]),
                                            (2, 2, [3, 5, 2])):
            yield dict(kind=kind, layers=layers, directions=directions, lengths=lengths)
    yield dict(kind="RNN", layers=1, directions=2, lengths=None, relu=True)


def keras_cases():
    for group in (cells, bidirectional, activations, learned, layers, losses, optimizers):
        yield from group()
