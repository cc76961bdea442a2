"""Draw the sample's photographs: ten kinds of textured object over cluttered ground.

Everything is procedural (NumPy and OpenCV) and a function of one generator, so an image is the same
whenever its seed is. The two rules behind the drawing:

* A kind is told by two things. Its *body* is large and covered in one of ten textures; the textures
  come in five look-alike pairs, so a body narrows the choice down and, seen well, decides it. Its
  *mark* is a small figure that only this kind wears. A classifier may look at either or at both:
  nothing here says which, and that is what localization by class maps is about.
* Whatever does not tell the kind varies: colours, silhouette, size, place, rotation, light, blur,
  the ground, and distractors that belong to no kind.

Coordinates: x to the right, y down, in pixels; an object's own frame (u, v) has unit half-length.
"""

import cv2
import numpy as np

cv2.setNumThreads(1)

# Line number - 1 is the class index. Consecutive kinds have look-alike textures.
KINDS = [
    "banded beetle", "rippled slug", "spotted toadstool", "ringed jellyfish", "chequered kite",
    "brick kiln", "scaly carp", "honeycomb hive", "woven basket", "veined leaf",
]
WNIDS = [f"d{i + 1:08d}" for i in range(len(KINDS))]


# ---------------------------------------------------------------------------- noise and colour

def noise(rng, h, w, cells=4, octaves=4, gain=0.55):
    """Multi-octave value noise in 0..1, h x w; `cells` is the coarsest grid along the long side."""
    out = np.zeros((h, w), np.float32)
    for o in range(octaves):
        n = cells * 2**o
        gh, gw = max(2, round(n * h / max(h, w)) + 1), max(2, round(n * w / max(h, w)) + 1)
        grid = rng.random((gh, gw), np.float32)
        out += gain**o * cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)
    lo, hi = out.min(), out.max()
    return (out - lo) / max(hi - lo, 1e-6)


def hsv(h, s, v):
    """One RGB colour in 0..1 from hue in turns, saturation and value."""
    k = (np.array([5.0, 3.0, 1.0]) + 6.0 * h) % 6.0
    return (v - v * s * np.clip(np.minimum(k, 4.0 - k), 0, 1)).astype(np.float32)


def mix(a, b, t):
    """a where t is 0, b where t is 1; t is h x w, a and b are colours or images."""
    return a + (b - a) * t[..., None]


def smooth(x):
    """0 below -1/2, 1 above 1/2: an edge one unit wide."""
    return np.clip(x + 0.5, 0, 1)


# ------------------------------------------------------------------------------------- grounds

EARTH = [(0.07, 0.45), (0.10, 0.35), (0.12, 0.25), (0.28, 0.45), (0.24, 0.40), (0.33, 0.40)]
PALE = [(0.09, 0.12), (0.58, 0.12), (0.12, 0.20), (0.07, 0.18)]


def tint(rng, palette, v):
    h, s = palette[rng.integers(len(palette))]
    return hsv((h + rng.normal(0, 0.02)) % 1, np.clip(s + rng.normal(0, 0.08), 0, 1), v)


def clutter(rng, img, kind):
    """Leaves, grass or pebbles, painted from the back to the front."""
    h, w = img.shape[:2]
    side = min(h, w)
    n = {"leaves": 170, "grass": 420, "pebbles": 190}[kind]
    for i in range(n):
        depth = 0.25 + 0.75 * i / n  # what is nearer catches more light
        x, y = int(rng.integers(w)), int(rng.integers(h))
        angle = float(rng.uniform(0, 360))
        c = tint(rng, PALE if kind == "pebbles" else EARTH, depth * rng.uniform(0.35, 0.8))
        col, dark = [float(t) for t in c], [float(t) * 0.55 for t in c]
        if kind == "grass":
            tip = (x + int(rng.normal(0, 0.06 * side)), y - int(rng.uniform(0.08, 0.3) * side))
            cv2.line(img, (x, y), tip, col, int(rng.integers(1, 3)), cv2.LINE_AA)
            continue
        a = rng.uniform(0.025, 0.085) * side
        b = a * (rng.uniform(0.3, 0.5) if kind == "leaves" else rng.uniform(0.6, 0.95))
        axes = (max(1, int(a)), max(1, int(b)))
        cv2.ellipse(img, (x + 1, y + 1), axes, angle, 0, 360, dark, -1, cv2.LINE_AA)
        cv2.ellipse(img, (x, y), axes, angle, 0, 360, col, -1, cv2.LINE_AA)
        if kind == "leaves":
            d = a * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            p, q = (int(x - d[0]), int(y - d[1])), (int(x + d[0]), int(y + d[1]))
            cv2.line(img, p, q, dark, 1, cv2.LINE_AA)


def ground(rng, h, w):
    """A cluttered ground, at times with a sky above it: h x w x 3 in 0..1, and what of these it is."""
    a, b = tint(rng, EARTH, rng.uniform(0.2, 0.5)), tint(rng, EARTH + PALE, rng.uniform(0.4, 0.8))
    img = mix(a, b, noise(rng, h, w, cells=int(rng.integers(3, 9)), octaves=5, gain=0.7))
    kind = rng.choice(["leaves", "leaves", "grass", "grass", "pebbles", "bare", "water"])
    if kind == "water":
        y = np.arange(h, dtype=np.float32)[:, None] / h
        wave = np.sin(70 * y**0.8 + 9 * noise(rng, h, w, cells=5))
        img = mix(img * 0.5 + hsv(0.55, 0.4, 0.6) * 0.5, hsv(0.55, 0.1, 0.9), 0.15 + 0.12 * wave)
    elif kind != "bare":
        img = np.ascontiguousarray(img, np.float32)
        clutter(rng, img, kind)
    labels = [str(kind)]
    if rng.random() < 0.3:
        labels.append("sky")
        line = rng.uniform(0.12, 0.45) * h + 0.06 * h * (noise(rng, 1, w, cells=6)[0] - 0.5)
        sky = mix(hsv(0.58, rng.uniform(0.1, 0.5), 0.85), hsv(0.1, 0.05, 0.95),
                  noise(rng, h, w, cells=3, octaves=5) ** 2)
        img = mix(img, sky, smooth((line[None, :] - np.arange(h)[:, None]) / 2))
    return img.astype(np.float32), labels


# ------------------------------------------------------------------------------------ textures

def texture(rng, kind, u, v):
    """The kind's body texture: 0..1, the share of the second colour.

    The frame is jittered first, so that no two bodies of a kind carry the same pattern.
    """
    f = rng.uniform(2.2, 3.6)  # periods along the half-length
    rib = np.abs(v) * f
    u, v = u * f + rng.uniform(0, 1), v * f + rng.uniform(0, 1)
    bu, bv = u - np.floor(u), v - np.floor(v)
    if kind == 0:  # bands across the body
        return smooth(np.sin(2 * np.pi * u) * 3)
    if kind == 1:  # the same, rippled
        ripple = rng.uniform(0.12, 0.3) * np.sin(2 * np.pi * v * 0.9)
        return smooth(np.sin(2 * np.pi * (u + ripple)) * 3)
    if kind in (2, 3):  # discs, rings, on a staggered grid
        r = np.hypot((u + 0.5 * (np.floor(v) % 2)) % 1 - 0.5, bv - 0.5)
        return smooth((0.31 - r) * 14) if kind == 2 else smooth((0.11 - np.abs(r - 0.31)) * 14)
    if kind == 4:  # chequers
        return smooth(np.sin(np.pi * u * 1.6) * np.sin(np.pi * v * 1.6) * 6)
    if kind == 5:  # bricks in a running bond
        s = (u * 0.8 + 0.5 * (np.floor(v * 1.5) % 2)) % 1
        t = (v * 1.5) % 1
        joint = np.minimum(np.minimum(s, 1 - s) * 1.25, np.minimum(t, 1 - t) / 1.5)
        return smooth((joint - 0.1) * 16)
    if kind == 6:  # overlapping scales
        s = (u + 0.5 * (np.floor(v * 1.5) % 2)) % 1 - 0.5
        return np.clip(1.5 - 1.6 * np.hypot(s * 1.6, (v * 1.5) % 1), 0, 1)
    if kind == 7:  # hexagonal cells with dark walls
        s = 1.2 * np.stack([u, u * 0.5 + v * 0.866, u * 0.5 - v * 0.866])
        return smooth((np.cos(2 * np.pi * s).sum(0) + 0.55) * 2.2)
    if kind == 8:  # over-and-under weave
        over = (np.floor(u * 1.5) + np.floor(v * 1.5)) % 2
        s, t = (u * 1.5) % 1, (v * 1.5) % 1
        strand = np.where(over > 0, np.sin(np.pi * s), np.sin(np.pi * t)) ** 0.8
        return strand * (0.35 + 0.65 * over)
    return smooth(np.sin(2 * np.pi * (u - rng.uniform(0.6, 1.1) * rib)) * 3)  # 9: herringbone veins


def mark(kind, p, q):
    """The kind's mark in the frame of its own unit disc: (opacity, brightness), both 0..1."""
    r, th = np.hypot(p, q), np.arctan2(q, p)
    e = 5.0  # edge sharpness
    disc = smooth((1 - r) * e)
    if kind == 0:  # two eyes
        d = np.minimum(np.hypot(p, q - 0.5), np.hypot(p, q + 0.5))
        return smooth((0.48 - d) * e), smooth((d - 0.22) * e)
    if kind == 1:  # a fork of two horns
        d = np.abs(np.abs(q) - 0.15 - 0.35 * (p + 1))
        return smooth((0.24 - d) * e) * smooth((1 - np.abs(p)) * e), np.ones_like(p)
    if kind == 2:  # a target
        return disc, smooth(np.cos(r * 3 * np.pi) * 2)
    if kind == 3:  # a five-pointed star
        return disc, smooth((0.62 + 0.3 * np.cos(5 * th) - r) * e)
    if kind == 4:  # a plus sign
        d = np.minimum(np.abs(p), np.abs(q))
        return disc, smooth((0.22 - d) * e)
    if kind == 5:  # an arched door
        inside = np.minimum(0.5 - np.abs(q), np.where(p < 0, 0.5 - r, 0.8 - p))
        return smooth((np.maximum(np.abs(p), np.abs(q)) * -1 + 0.95) * e), 1 - smooth(inside * e)
    if kind == 6:  # one eye with a glint
        white = smooth((0.45 - r) * e * -1)
        return disc, np.maximum(white, smooth((0.2 - np.hypot(p + 0.2, q + 0.2)) * e))
    if kind == 7:  # three holes
        d = np.min([np.hypot(p - 0.5 * np.cos(a), q - 0.5 * np.sin(a)) for a in (0, 2.1, 4.2)], 0)
        return disc, smooth((d - 0.28) * e)
    if kind == 8:  # a disc half dark, half bright
        return disc, smooth(q * e)
    return disc, smooth(np.cos(4 * th) * 2)  # 9: a wheel of eight wedges


# ------------------------------------------------------------------------------------- objects

def silhouette(rng, u, v, aspect):
    """f(u, v), below 1 inside: an ellipse, a rounded box or polygon, or a smooth blob."""
    v = v / aspect
    r, th = np.hypot(u, v), np.arctan2(v, u)
    form = rng.integers(4)
    if form == 0:
        return r
    if form == 1:
        p = rng.uniform(2.5, 5)
        return (np.abs(u) ** p + np.abs(v) ** p) ** (1 / p) * 1.1
    if form == 2:
        n = int(rng.integers(3, 7))
        a = (th + rng.uniform(0, 6)) % (2 * np.pi / n) - np.pi / n
        edge = np.cos(np.pi / n) / np.cos(a)
        return r / (0.75 * edge + 0.25)  # a circle mixed in rounds the corners
    rim = np.ones_like(th)
    for k in range(2, 6):
        rim += rng.uniform(-0.3, 0.3) / k * np.cos(k * th + rng.uniform(0, 6.3))
    return r / (rim / rim.max())


def paint(rng, img, cx, cy, half, kind, light):
    """Paint one object (kind None: a distractor) on img in place; return its opacity, h x w.

    `half` is the half-length in pixels, `light` the direction the light comes from.
    """
    H, W = img.shape[:2]
    reach = 1.75 * half + 4  # body, warp and shadow all end within it
    x0, x1 = max(0, int(cx - reach)), min(W, int(cx + reach) + 1)
    y0, y1 = max(0, int(cy - reach)), min(H, int(cy + reach) + 1)
    whole, img = img, img[y0:y1, x0:x1]
    h, w = img.shape[:2]
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    phi = rng.uniform(0, 2 * np.pi)
    aspect = rng.uniform(0.4, 1.0)
    u = ((x - cx) * np.cos(phi) + (y - cy) * np.sin(phi)) / half
    v = (-(x - cx) * np.sin(phi) + (y - cy) * np.cos(phi)) / half
    # A slow warp makes outline and texture swell and shrink as those of a living thing do.
    u = u + 0.16 * (noise(rng, h, w, cells=3, octaves=2) - 0.5)
    v = v + 0.16 * (noise(rng, h, w, cells=3, octaves=2) - 0.5)
    f = silhouette(rng, u, v, aspect)
    gy, gx = np.gradient(f)
    alpha = smooth((1 - f) / np.maximum(np.hypot(gx, gy), 1e-4))

    # Two colours that differ in brightness, whatever their hues, so that the texture shows.
    dark = hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.12, 0.45))
    bright = hsv(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.6, 1.0))
    if rng.random() < 0.5:
        dark, bright = bright, dark
    if kind is None:
        style = rng.integers(3)  # plain, mottled, or scratched in random directions
        t = noise(rng, h, w, cells=int(rng.integers(8, 30)), octaves=3)
        if style == 0:
            t = 0.15 * t
        elif style == 2:
            t = smooth(np.sin(30 * noise(rng, h, w, cells=4, octaves=2)) * 2) * 0.7
    else:
        t = texture(rng, kind, u, v) * rng.uniform(0.4, 1.0)  # some coats are faint
    body = mix(dark, bright, t)

    # Shading as of a cushion: the normal leans outwards towards the rim.
    g = np.hypot(gx, gy) + 1e-6
    lean = np.clip(f, 0, 1) ** 2 * 0.8
    lambert = np.sqrt(1 - lean**2) * 0.8 + lean * (gx / g * light[0] + gy / g * light[1]) * 0.6
    body = body * (0.35 + 0.75 * lambert)[..., None]
    body *= 0.9 + 0.2 * noise(rng, h, w, cells=40, octaves=2)[..., None]

    if kind is not None:
        size = rng.uniform(0.24, 0.34) * np.sqrt(aspect)
        along = rng.uniform(0.45, 0.7) * rng.choice([-1, 1])
        p, q = (u - along) / size, v / size
        op, br = mark(kind, p, q)
        ink = hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.05, 0.3))
        paper = hsv(rng.random(), rng.uniform(0, 0.4), rng.uniform(0.75, 1.0))
        shade = (0.55 + 0.5 * lambert)[..., None]
        body = mix(body, mix(ink, paper, br) * shade, op)

    off = 0.10 * half
    shift = np.float32([[1, 0, -off * light[0]], [0, 1, -off * light[1]]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, (w, h)), (0, 0), 0.5 + 0.07 * half)
    img *= 1 - 0.55 * shadow[..., None]
    img[:] = mix(img, body, alpha)
    opacity = np.zeros(whole.shape[:2], np.float32)
    opacity[y0:y1, x0:x1] = alpha
    return opacity


# -------------------------------------------------------------------------------------- scenes

def tight_box(alpha):
    """Inclusive 0-based (x0, y0, x1, y1) of the pixels more than half covered; None if none."""
    on = alpha > 0.5
    xs, ys = np.flatnonzero(on.any(0)), np.flatnonzero(on.any(1))
    return None if not len(xs) else tuple(int(t) for t in (xs[0], ys[0], xs[-1], ys[-1]))


def overlaps(a, b):
    """Whether two boxes share more than a sliver (a tenth of the smaller one)."""
    w = min(a[2], b[2]) - max(a[0], b[0]) + 1
    h = min(a[3], b[3]) - max(a[1], b[1]) + 1
    area = min((t[2] - t[0] + 1) * (t[3] - t[1] + 1) for t in (a, b))
    return w > 0 and h > 0 and w * h > 0.1 * area


def scene(rng, kind):
    """One photograph: (h x w x 3 uint8 RGB, list of boxes of the objects of this kind, labels of the scene)."""
    long, ratio = int(rng.integers(176, 241)), float(rng.choice([1.0, 4 / 3, 1.5]))
    h, w = int(round(long / ratio)), long
    if rng.random() < 0.4:
        h, w = w, h
    side = min(h, w)
    img, labels = ground(rng, h, w)
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), np.sin(angle)])

    for _ in range(int(rng.integers(1, 5))):
        half = rng.uniform(0.06, 0.2) * side
        paint(rng, img, rng.uniform(0, w), rng.uniform(0, h), half, None, light)

    n = int(rng.choice([1, 2, 3], p=[0.8, 0.14, 0.06]))
    boxes = []
    for _ in range(30):  # tries: an object that would cover another one is not painted
        half = rng.uniform(*((0.18, 0.56) if n == 1 else (0.14, 0.28))) * side
        cx, cy = (rng.uniform(0.75 * half, t - 0.75 * half) for t in (w, h))  # the edge may cut it
        reach = (cx - half, cy - half, cx + half, cy + half)
        if any(overlaps(reach, b) for b in boxes):
            continue
        boxes.append(tight_box(paint(rng, img, cx, cy, half, kind, light)))
        if len(boxes) == n:
            break

    # The camera: uneven light, colour cast, blur, sensor noise.
    y, x = np.mgrid[0:h, 0:w]
    ramp = ((x / w - 0.5) * light[0] + (y / h - 0.5) * light[1]) * rng.uniform(0.1, 0.8)
    img = img * (1 + ramp)[..., None] * rng.uniform(0.75, 1.15) * rng.uniform(0.9, 1.1, 3)
    img = cv2.GaussianBlur(img, (0, 0), rng.uniform(0.3, 1.2))
    img = img + rng.normal(0, rng.uniform(0.005, 0.03), (h, w, 1))
    if len(boxes) > 1:
        labels.append("several objects")
    return (np.clip(img, 0, 1) * 255 + 0.5).astype(np.uint8), boxes, labels
