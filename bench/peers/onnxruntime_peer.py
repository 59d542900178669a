"""ONNX Runtime: its RNN, LSTM and GRU operators, over sequences and step by step.  It trains nothing."""

from common import Skip, check_outputs, options, reference, serve, GATES

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# Keras' gate order to ONNX's: LSTM i o f c; GRU z r h.
ORDER = {"simple_rnn": [0], "lstm": [0, 3, 1, 2], "gru": [0, 1, 2]}
OPERATORS = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def weights_of(cell, i, h):
    rng, g = np.random.default_rng(1), GATES[cell]
    bound = np.sqrt(3 / h)
    shapes = (i, g, h), (h, g, h), (g, h), (g, h)
    w, u, b, rb = (rng.uniform(-bound, bound, s).astype(np.float32) for s in shapes)
    return w, u, b, rb if cell == "gru" else np.zeros_like(rb)


def session_of(cell, weights, b, t, i, h, carries):
    order, g = ORDER[cell], GATES[cell]
    w, u, wb, rb = weights
    packed = {
        "W": w[:, order].transpose(1, 2, 0).reshape(1, g * h, i),
        "R": u[:, order].transpose(1, 2, 0).reshape(1, g * h, h),
        "B": np.concatenate([wb[order].ravel(), rb[order].ravel()])[None],
    }
    state, real = [1, b, h], TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("X", real, [t, b, i])]
    outputs = [helper.make_tensor_value_info("Y", real, [t, 1, b, h])]
    into, out = ["X", "W", "R", "B"], ["Y"]
    for before, after in (
        (("H", "HN"), ("C", "CN"))[: 2 if cell == "lstm" else 1] if carries else ()
    ):
        into += ([""] if before == "H" else []) + [before]
        out.append(after)
        inputs.append(helper.make_tensor_value_info(before, real, state))
        outputs.append(helper.make_tensor_value_info(after, real, state))
    flags = {"linear_before_reset": 1} if cell == "gru" else {}
    node = helper.make_node(OPERATORS[cell], into, out, hidden_size=h, **flags)
    constants = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in packed.items()]
    graph = helper.make_graph([node], "layer", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 8
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )


def stream(cell, i, h):
    """Memory is bound beforehand, the states come back into where they were."""
    weights = weights_of(cell, i, h)
    session = session_of(cell, weights, 1, 1, i, h, True)
    binding = session.io_binding()
    x, y = np.random.default_rng(2).uniform(-1, 1, (1, 1, i)).astype(np.float32), np.zeros(
        (1, 1, 1, h), np.float32
    )
    states = {s: np.zeros((1, 1, h), np.float32) for s in ("H", "C")[: 2 if cell == "lstm" else 1]}

    def bind(method, name, array):
        method(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    bind(binding.bind_input, "X", x)
    bind(binding.bind_output, "Y", y)
    for name, array in states.items():
        bind(binding.bind_input, name, array)
        bind(binding.bind_output, name + "N", array)

    def once():
        session.run_with_iobinding(binding)

    def check():
        for array in states.values():
            array[:] = 0
        found = []
        for _ in range(8):
            once()
            found.append(y.ravel().copy())
        check_outputs(found, reference(cell, *weights, np.repeat(x[0], 8, 0)))

    yield "io_binding", once, check


def forward(cell, b, t, i, h):
    weights, last = weights_of(cell, i, h), {}
    session = session_of(cell, weights, b, t, i, h, False)
    x = np.random.default_rng(2).uniform(-1, 1, (t, b, i)).astype(np.float32)

    def once():
        last["y"] = session.run(["Y"], {"X": x})[0]

    def check():
        check_outputs(last["y"][:, 0, -1], reference(cell, *weights, x[:, -1]))

    yield "run", once, check


def variants(letter, cell, b, t, i, h, activation):
    if letter == "a":
        return stream(cell, i, h)
    if letter in ("b", "c"):
        return forward(cell, b, t, i, h)
    raise Skip("it does not train")


serve(
    "ONNX Runtime",
    onnxruntime.__version__,
    f"intra_op_num_threads={options.threads}, sequential; models by onnx {onnx.__version__}",
    variants,
)
