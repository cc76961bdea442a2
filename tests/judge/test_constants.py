"""What does not depend on the image is computed when a model is loaded, whatever operator and type it
is written with: against numpy. Each constant is added to the image, so that what comes out shows it."""
import sys

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, Refused

checks = Checks()
random = np.random.default_rng(3)
X = random.standard_normal((2, 3, 4, 5)).astype(np.float32)


def model(nodes, initializers=(), opset=17, functions=()):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset),
                                                   helper.make_opsetid("local", 1)])
    made.functions.extend(functions)
    return made


def run(made):
    return Net(Graph(made.SerializeToString()), len(X)).forward(X)


def added(nodes, constants, opset=17, functions=()):
    """The value c that the nodes compute, as it arrives at the image."""
    nodes = [*nodes, helper.make_node("Add", ["x", "c"], ["sum"]), helper.make_node("Flatten", ["sum"], ["y"])]
    return run(model(nodes, constants, opset, functions)) - X.reshape(len(X), -1)


def tensor(name, values, kind=None):
    values = np.asarray(values)
    if kind is None:
        return numpy_helper.from_array(values, name)
    return helper.make_tensor(name, kind, values.shape, values.ravel().tolist())


def check(what, nodes, constants, want, tolerance=1e-6, **options):
    want = np.broadcast_to(np.asarray(want, np.float32), X.shape[1:]).reshape(1, -1)
    try:
        off = np.abs(added(nodes, constants, **options) - want).max()
        checks(what, off <= tolerance * max(1, np.abs(want).max()), f"off by {off:.1e}")
    except Refused as refused:
        checks(what, False, str(refused))


node = helper.make_node
values = random.standard_normal((3, 4, 5)).astype(np.float32)
whole = random.integers(-9, 9, (3, 4, 5))

# --- weights of every type, in every field that ONNX has for them
for kind, array, tolerance in (
        (TensorProto.FLOAT16, values.astype(np.float16), 1e-6),
        (TensorProto.DOUBLE, values.astype(np.float64), 1e-6)):
    name = TensorProto.DataType.Name(kind)
    check(f"{name}, raw", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", array)], array, tolerance)
    check(f"{name}, not cast", [node("Identity", ["w"], ["c"])], [tensor("w", array)], array, tolerance)
check("DOUBLE, listed", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", values, TensorProto.DOUBLE)], values)
halves = tensor("w", np.zeros(values.shape), TensorProto.FLOAT16)
halves.int32_data[:] = values.astype(np.float16).view(np.uint16).ravel().tolist()
check("FLOAT16, listed", [node("Cast", ["w"], ["c"], to=1)], [halves], values.astype(np.float16))
odd = np.array([[0, -0.0, 6e-8, -6.1e-5, 65504]], np.float16).repeat(4, 0)[None].repeat(3, 0)
check("FLOAT16, its smallest and largest", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", odd)], odd)
brain = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=values.shape,
                    raw_data=(values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
check("BFLOAT16", [node("Cast", ["w"], ["c"], to=1)], [brain],
      (values.view(np.uint32) >> 16 << 16).view(np.float32))
for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
    array = np.abs(whole).astype(dtype) if np.dtype(dtype).kind == "u" else whole.astype(dtype)
    check(f"{np.dtype(dtype)}, raw", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", array)], array)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype)) if hasattr(helper, "np_dtype_to_tensor_dtype") \
        else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)]
    check(f"{np.dtype(dtype)}, listed", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", array, kind)], array)
check("booleans", [node("Cast", ["w"], ["c"], to=1)], [tensor("w", whole > 0)], whole > 0)
check("reals to booleans and back", [node("Cast", ["w"], ["b"], to=9), node("Cast", ["b"], ["c"], to=1)],
      [tensor("w", np.maximum(values, 0))], values > 0)
check("reals to integers and back", [node("Cast", ["w"], ["b"], to=7), node("Cast", ["b"], ["c"], to=1)],
      [tensor("w", 5 * values)], np.trunc(5 * values))

# --- made in the graph
check("a Constant node", [node("Constant", [], ["c"], value=tensor("w", values))], [], values)
for attribute, value in (("value_float", 1.5), ("value_int", 3), ("value_floats", [1., 2., 3., 4., 5.]),
                         ("value_ints", [1, 2, 3, 4, 5])):
    check(f"a Constant by {attribute}", [node("Constant", [], ["k"], **{attribute: value}),
                                         node("Cast", ["k"], ["c"], to=1)], [], value)
shape = tensor("s", np.array([3, 4, 5]))
check("ConstantOfShape of zeros", [node("ConstantOfShape", ["s"], ["c"])], [shape], 0)
check("ConstantOfShape of a number", [node("ConstantOfShape", ["s"], ["c"], value=tensor("v", np.float32([2.5])))],
      [shape], 2.5)
check("ConstantOfShape of an integer", [node("ConstantOfShape", ["s"], ["k"], value=tensor("v", np.int32([7]))),
                                        node("Cast", ["k"], ["c"], to=1)], [shape], 7)
check("Range of reals", [node("Range", ["a", "b", "d"], ["c"])],
      [tensor("a", np.float32(1)), tensor("b", np.float32(3.4)), tensor("d", np.float32(.5))], np.arange(1, 3.4, .5))
check("Range downwards", [node("Range", ["a", "b", "d"], ["k"]), node("Cast", ["k"], ["c"], to=1)],
      [tensor("a", 9), tensor("b", -1), tensor("d", -2)], np.arange(9, -1, -2))
check("of the image's shape", [node("Shape", ["x"], ["h"]), node("Gather", ["h", "i"], ["n"]),
                               node("Cast", ["n"], ["f"], to=1), node("Sqrt", ["f"], ["c"])],
      [tensor("i", 3)], np.sqrt(5))

# --- operators that run on activations, too
weights = tensor("w", values)
for what, nodes, more, want in (
        ("Relu", [node("Relu", ["w"], ["c"])], [], np.maximum(values, 0)),
        ("Exp, Neg, Reciprocal", [node("Exp", ["w"], ["e"]), node("Neg", ["e"], ["n"]),
                                  node("Reciprocal", ["n"], ["c"])], [], -np.exp(-values)),
        ("arithmetic", [node("Mul", ["w", "a"], ["m"]), node("Sub", ["m", "w"], ["d"]),
                        node("Div", ["d", "a"], ["c"])], [tensor("a", np.float32([[2], [3], [4], [5]]))],
         values - values / np.float32([[2], [3], [4], [5]])),
        ("a number divided", [node("Div", ["a", "w"], ["c"])], [tensor("a", np.float32(2))], 2 / values),
        ("Transpose, Reshape", [node("Transpose", ["w"], ["t"], perm=[2, 0, 1]), node("Reshape", ["t", "s"], ["c"])],
         [shape], values.transpose(2, 0, 1).reshape(3, 4, 5)),
        ("Transpose of four", [node("Unsqueeze", ["w", "o"], ["u"]), node("Transpose", ["u"], ["t"], perm=[0, 2, 3, 1]),
                               node("Reshape", ["t", "s"], ["c"])], [shape, tensor("o", np.array([0]))],
         values.transpose(1, 2, 0).reshape(3, 4, 5)),
        ("MatMul", [node("MatMul", ["w", "a"], ["c"])], [tensor("a", values[0].T @ values[0])],
         values @ (values[0].T @ values[0])),
        ("Softmax", [node("Softmax", ["w"], ["c"], axis=1)], [],
         np.exp(values) / np.exp(values).sum(1, keepdims=True)),
        ("Where", [node("Greater", ["w", "z"], ["b"]), node("Where", ["b", "w", "a"], ["c"])],
         [tensor("z", np.float32(0)), tensor("a", np.float32([1, 2, 3, 4, 5]))],
         np.where(values > 0, values, np.float32([1, 2, 3, 4, 5]))),
        ("ReduceSum, Expand", [node("ReduceSum", ["w", "a"], ["r"], keepdims=1), node("Expand", ["r", "s"], ["c"])],
         [shape, tensor("a", np.array([1]))], values.sum(1, keepdims=True)),
        ("Split", [node("Split", ["w"], ["l", "m", "r"], axis=0), node("Add", ["l", "r"], ["c"])], [],
         values[:1] + values[2:])):
    check(what, nodes, [weights, *more], want, 1e-5)
check("Concat, Slice backwards", [node("Concat", ["w", "w"], ["k"], axis=2), node("Slice", ["k", "a", "b", "d", "e"], ["t"]),
                                  node("ReduceSum", ["t", "d"], ["c"], keepdims=1)],
      [weights, tensor("a", np.array([8])), tensor("b", np.array([-9])), tensor("d", np.array([2])),
       tensor("e", np.array([-2]))],
      np.concatenate([values, values], 2)[:, :, 8:-9:-2].sum(2, keepdims=True))
check("Gather by a matrix", [node("Gather", ["w", "i"], ["g"], axis=2), node("Reshape", ["g", "s"], ["k"]),
                             node("ReduceMax", ["k"], ["c"], axes=[2], keepdims=1)],
      [weights, tensor("i", np.array([[0, 1, -1], [2, 2, 4]])), tensor("s", np.array([3, 4, 6]))],
      values[:, :, [[0, 1, -1], [2, 2, 4]]].reshape(3, 4, 6).max(2, keepdims=True))
check("Pad of integers", [node("Cast", ["w"], ["k"], to=7), node("Slice", ["k", "a", "b", "d"], ["l"]),
                          node("Pad", ["l", "p", "v"], ["q"]), node("Cast", ["q"], ["c"], to=1)],
      [weights, tensor("a", np.array([1])), tensor("b", np.array([5])), tensor("d", np.array([2])),
       tensor("p", np.array([0, 0, 1, 0, 0, 0])), tensor("v", 7)],
      np.pad(np.trunc(values)[:, :, 1:], ((0, 0), (0, 0), (1, 0)), constant_values=7))

# --- quantised weights
scale, zero = np.float32([.1, .02, .3]), np.int8([3, -2, 0])
check("DequantizeLinear, a scale a channel", [node("DequantizeLinear", ["q", "k", "z"], ["c"], axis=0)],
      [tensor("q", whole.astype(np.int8)), tensor("k", scale), tensor("z", zero)],
      (whole - zero[:, None, None].astype(int)) * scale[:, None, None])
check("QuantizeLinear and back", [node("QuantizeLinear", ["w", "k", "z"], ["q"]), node("DequantizeLinear", ["q", "k", "z"], ["c"])],
      [weights, tensor("k", np.float32(.05)), tensor("z", np.uint8(128))],
      (np.clip(np.rint(values / np.float32(.05)) + 128, 0, 255) - 128) * np.float32(.05), 1e-5)

# --- branches and functions
for condition in (True, False):
    branches = [helper.make_graph([node("Mul", ["x", k], [f"m{k}"])], k, [],
                                  [helper.make_tensor_value_info(f"m{k}", TensorProto.FLOAT, None)],
                                  [tensor(k, np.float32(number))]) for k, number in (("a", 2), ("b", 3))]
    made = model([node("If", ["k"], ["z"], then_branch=branches[0], else_branch=branches[1]), node("Flatten", ["z"], ["y"])],
                 [tensor("k", np.array(condition))])
    checks(f"If {condition}", np.allclose(run(made), X.reshape(2, -1) * (2 if condition else 3)))
inner = helper.make_function("local", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])],
                             [helper.make_opsetid("", 17)])
scaled = node("LeakyRelu", ["t"], ["b"])
scaled.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
outer = helper.make_function("local", "TwiceLeaky", ["a"], ["b"],
                             [node("Twice", ["a"], ["t"], domain="local"), scaled],
                             [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)], ["slope"])
made = model([node("TwiceLeaky", ["x"], ["z"], domain="local", slope=.25), node("TwiceLeaky", ["z"], ["q"], domain="local", slope=.5),
              node("Flatten", ["q"], ["y"])], functions=[inner, outer])
want = np.where(X > 0, 4 * X, X / 2)
checks("functions that call one another, twice", np.allclose(run(made), want.reshape(2, -1)))
itself = helper.make_function("local", "Itself", ["a"], ["b"], [node("Itself", ["a"], ["b"], domain="local")],
                              [helper.make_opsetid("local", 1)])
try:
    run(model([node("Itself", ["x"], ["z"], domain="local"), node("Flatten", ["z"], ["y"])], functions=[itself]))
    checks("a function that calls itself is refused", False)
except Refused as refused:
    checks("a function that calls itself is refused", "called too often, or by itself" in str(refused), str(refused))
checks.done()
