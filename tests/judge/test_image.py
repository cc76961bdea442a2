"""core/image against Pillow, torchvision, OpenCV and the kit's pixel checksums, bit for bit."""

import csv
import ctypes
import glob
import hashlib
import io
import os
import struct
import sys
import tempfile
import zlib

try:
    import cv2
    import numpy as np
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

try:
    import torchvision
except ImportError:
    torchvision = None

from camrank import array_at, lib
from structs import (CR_BGR, CR_RGB, CR_CROP_CENTER as CENTER, CR_CROP_TEN as TEN,
                     CR_FILTER_OPENCV_LINEAR as OPENCV_LINEAR,
                     CR_FILTER_PIL_BICUBIC as PIL_BICUBIC, CR_FILTER_PIL_BILINEAR as PIL_BILINEAR,
                     CR_FILTER_PIL_NEAREST as PIL_NEAREST, CR_RESIZE_SHORT_SIDE as SHORT_SIDE,
                     CR_RESIZE_SQUASH as SQUASH, cr_error, cr_image, cr_input_spec)

PIL_FILTERS = {PIL_BILINEAR: Image.BILINEAR, PIL_BICUBIC: Image.BICUBIC,
               PIL_NEAREST: Image.NEAREST}


lib.cr_filter_name.restype = ctypes.c_char_p
failures = 0


def report(what, wrong, total):
    """One line for a group; `wrong` names the cases that differ. No case at all is a failure."""
    global failures
    right = not wrong and total > 0
    failures += not right
    shown = ", ".join(str(w) for w in wrong[:3])
    print(f"{'ok    ' if right else 'FAILED'} {what}: {total - len(wrong)} of {total}"
          f"{'; not: ' + shown if wrong else ''}")


def taken(image):
    """The pixels of a cr_image, which is freed."""
    pixels = array_at(image.rgb, (image.height, image.width, 3), np.uint8)
    lib.cr_image_free(ctypes.byref(image))
    return pixels


def lent(pixels):
    """A cr_image over a contiguous array."""
    return cr_image(width=pixels.shape[1], height=pixels.shape[0], rgb=pixels.ctypes.data)


def decode(data):
    """Pixels, or None where camrank refuses the file."""
    image, error = cr_image(), cr_error()
    size = ctypes.c_size_t(len(data))
    if lib.cr_image_decode(data, size, b"test", 100, ctypes.byref(image), ctypes.byref(error)):
        return None
    return taken(image)


def pillow(data):
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except Exception:  # Pillow raises half a dozen kinds for a damaged file
        return None


def resize(pixels, width, height, kind=PIL_BILINEAR):
    image, error = cr_image(), cr_error()
    status = lib.cr_image_resize(ctypes.byref(lent(pixels)), width, height, kind,
                                 ctypes.byref(image), ctypes.byref(error))
    if status:
        raise RuntimeError(error.message)
    return taken(image)


def judge_resize(pixels, width, height, kind):
    """What the library after which the filter is named makes of the pixels."""
    if kind == OPENCV_LINEAR:
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(Image.fromarray(pixels).resize((width, height), PIL_FILTERS[kind]))


def filter_name(kind):
    return lib.cr_filter_name(kind).decode()


def spec_of(width, height, resize, short_side, crop, kind, bgr, white, mean, std):
    return cr_input_spec(width=width, height=height, resize=resize, short_side=short_side, crop=crop,
                         filter=kind, channels=CR_BGR if bgr else CR_RGB, range=white, mean=(*mean, 0), std=(*std, 1))


def prepare(spec, pixels):
    """[views][height][width][3]"""
    out = np.empty((lib.cr_input_n_views(ctypes.byref(spec)), spec.height, spec.width, 3),
                   np.float32)
    error = cr_error()
    if (lib.cr_input_check(ctypes.byref(spec), ctypes.byref(error))
            or lib.cr_input_prepare(ctypes.byref(spec), ctypes.byref(lent(pixels)),
                                    out.ctypes.data_as(ctypes.c_void_p), ctypes.byref(error))):
        raise RuntimeError(error.message)
    return out


def same(ours, theirs):
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return ours.shape == theirs.shape and np.array_equal(ours, theirs)


def picture(random, width, height, channels=3):
    """Something with gradients, edges and noise, since each may hide what the others show."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        a, b, c = random.uniform(-0.2, 0.2, 3)
        plane = 127 + 120 * np.sin(a * x + b * y + c * np.sqrt(x + y))
        plane[random.randint(height):, random.randint(width):] += random.randint(-200, 200)
        planes.append(plane + random.randint(0, 30) * random.standard_normal((height, width)))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


# --- files to decode ---------------------------------------------------------------------------


def segments(jpeg):
    """(marker, start, end) of each segment before the first scan's data."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        yield jpeg[at + 1], at, end
        at = end


def without(jpeg, marker):
    for kind, start, end in reversed(list(segments(jpeg))):
        if kind == marker:
            jpeg = jpeg[:start] + jpeg[end:]
    return jpeg


def with_adobe(jpeg, transform):
    """The same data under another claim on its colour space: 0 as it is, 1 YCbCr, 2 YCCK."""
    plain = without(without(jpeg, 0xE0), 0xEE)
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    return plain[:2] + marker + plain[2:]


def with_luma(jpeg, across, down):
    """The same data under other sampling factors of the luma, whose product must be the same: the
    blocks of a unit are laid out otherwise, so the image changes its shape."""
    start = next(at for kind, at, _ in segments(jpeg) if kind in (0xC0, 0xC2))
    height, width = struct.unpack(">HH", jpeg[start + 5:start + 9])
    was = jpeg[start + 11]
    size = struct.pack(">HH", height * down // (was & 15), width * across // (was >> 4))
    return (jpeg[:start + 5] + size + jpeg[start + 9:start + 11] + bytes([across << 4 | down])
            + jpeg[start + 12:])


def save(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def jpegs(random):
    for i in range(24):
        width, height = random.randint(1, 130, 2)
        rgb = Image.fromarray(picture(random, width, height))
        options = dict(quality=int(random.randint(5, 100)), progressive=bool(i % 2),
                       optimize=bool(i % 3))
        for subsampling in range(3):
            name = f"{width}x{height} {options} {subsampling}"
            yield f"ycbcr {name}", save(rgb, subsampling=subsampling, **options)
        units = Image.fromarray(picture(random, 16 * (1 + i % 4), 16 * (1 + i % 3)))
        yield f"4:1:1 {name}", with_luma(save(units, subsampling=2, **options), 4, 1)
        yield f"4:4:0 {name}", with_luma(save(units, subsampling=1, **options), 1, 2)
        yield f"grey {name}", save(rgb.convert("L"), **options)
        cmyk = save(Image.fromarray(picture(random, width, height, 4), "CMYK"), **options)
        yield f"cmyk {name}", cmyk
        yield f"cmyk without marker {name}", without(cmyk, 0xEE)
        yield f"ycck {name}", with_adobe(cmyk, 2)
        yield f"rgb {name}", with_adobe(save(rgb, subsampling=0, **options), 0)
        yield f"without jfif {name}", without(save(rgb, **options), 0xE0)
        exif = Image.Exif()
        exif[0x112] = 6  # turned by 90 degrees: not to be applied
        yield f"exif {name}", save(rgb, exif=exif, **options)
        restarts = [cv2.IMWRITE_JPEG_RST_INTERVAL, 3]
        restarts += [cv2.IMWRITE_JPEG_PROGRESSIVE, i % 2]
        yield f"restart {name}", cv2.imencode(".jpg", np.asarray(rgb), restarts)[1].tobytes()


def damaged_jpegs(random):
    rgb = Image.fromarray(picture(random, 60, 50))
    for progressive in (False, True):
        whole = save(rgb, quality=90, progressive=progressive)
        scan = whole.index(b"\xff\xda")
        for cut in range(3, len(whole)):
            yield f"cut at {cut}, progressive {progressive}", whole[:cut]
        yield "bytes before the end", whole[:-2] + b"stray" + whole[-2:]
        yield "bytes behind the end", whole + b"stray" * 1000
        yield "bytes between segments", whole[:scan] + b"stray" + whole[scan:]
        yield "a hole before the end", whole[:-300] + whole[-2:]
        for _ in range(40):
            at = random.randint(scan + 14, len(whole) - 2)
            yield f"byte {at} other", whole[:at] + bytes([random.randint(255)]) + whole[at + 1:]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(samples, depth):
    """Filter byte and packed samples of each row; samples [height][width * channels]."""
    rows = b""
    for row in samples:
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        else:
            bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            packed = np.packbits(bits.astype(np.uint8).ravel()).tobytes()
        rows += b"\0" + packed
    return rows


def png(random, width, height, kind, depth, interlaced, transparent):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    # Few levels in 16-bit grey lie below 256, where its clipping is not the same everywhere.
    top = 600 if (kind, depth) == (0, 16) else 1 << depth
    samples = random.randint(0, top, (height, width, channels))
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                  (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.size:
            rows += png_rows(part.reshape(part.shape[0], -1), depth)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    extra = b""
    if kind == 3:  # fewer colours than indices: what lies past them is grey
        n_colours = max(1, (1 << depth) - random.randint(3))
        extra += chunk(b"PLTE", random.randint(0, 256, 3 * n_colours).astype(np.uint8).tobytes())
        if transparent:
            extra += chunk(b"tRNS", bytes([0]))
    elif transparent and kind in (0, 2):
        extra += chunk(b"tRNS", samples[0, 0].astype(">u2").tobytes())
    extra += chunk(b"gAMA", struct.pack(">I", 30000))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def pngs(random):
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    for kind in depths:
        for depth in depths[kind]:
            for interlaced in (0, 1):
                for transparent in (False, True):
                    width, height = random.randint(1, 40, 2)
                    name = f"{width}x{height} type {kind} depth {depth} interlaced {interlaced}"
                    yield name, png(random, width, height, kind, depth, interlaced, transparent)


def check_decoding(random):
    for what, files in (("JPEGs of every kind", jpegs(random)), ("PNGs of every kind", pngs(random)),
                        ("damaged JPEGs, refused or not", damaged_jpegs(random))):
        wrong, total, refused = [], 0, 0
        for name, data in files:
            ours = decode(data)
            total += 1
            refused += ours is None
            if not same(ours, pillow(data)):
                wrong.append(name)
        report(f"{what} equal Pillow ({refused} refused)", wrong, total)


def check_names(random):
    """What a file is called does not matter, only what is in it."""
    rgb = Image.fromarray(picture(random, 31, 23))
    png_file = io.BytesIO()
    rgb.save(png_file, "PNG")
    contents = {"PNG": png_file.getvalue(), "JPEG": save(rgb)}
    wrong, total = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in contents.items():
            for name in ("a.JPEG", "a.jpg", "a.png", "a.gif", "a"):
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(data)
                image, error = cr_image(), cr_error()
                status = lib.cr_image_read(path.encode(), ctypes.byref(image), ctypes.byref(error))
                total += 1
                if status or not same(taken(image), pillow(data)):
                    wrong.append(f"{kind} as {name}")
    report("files under any name equal Pillow", wrong, total)


# --- resizing and input ------------------------------------------------------------------------


def some_sizes(random, n):
    """(width, height, new width, new height), from 1 x 1 on; the last few with a large side."""
    yield 1, 1, 1, 1
    yield 1, 1, 5000, 3000
    yield 5000, 3000, 1, 1
    yield 5000, 3000, 224, 224
    yield 5000, 3000, 2500, 1500
    yield 224, 224, 5000, 3000
    for i in range(n):
        sides = np.exp(random.uniform(0, np.log(501), 4)).astype(int)
        if i % 100 == 0:
            sides[random.randint(4)] = random.randint(1000, 5001 if i % 200 else 3001)
        width, height, new_width, new_height = (int(side) for side in sides)
        if i % 10 == 1:
            new_width = width
        if i % 10 == 2:
            new_height = height
        if i % 10 == 3:  # exactly half, where OpenCV takes another path
            width, height = 2 * new_width, 2 * new_height
        if i % 10 == 4:
            width, new_height = 2 * new_width, 2 * height
        if i % 10 == 5:  # whole factors put new pixels on the borders of old ones
            width, height = new_width * (1 + i % 7), max(1, new_height // (1 + i % 5))
        yield width, height, new_width, new_height


def check_resize(random, kind, n):
    wrong, total = [], 0
    for width, height, new_width, new_height in some_sizes(random, n):
        pixels = random.randint(0, 256, (height, width, 3), dtype=np.uint8)
        if total % 3 == 0:  # only black and white, where rounding past the ends shows
            pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
        wanted = judge_resize(pixels, new_width, new_height, kind)
        total += 1
        if not same(resize(pixels, new_width, new_height, kind), wanted):
            wrong.append(f"{width}x{height} to {new_width}x{new_height}")
    judge = "OpenCV" if kind == OPENCV_LINEAR else "Pillow"
    report(f"pixels resized by {filter_name(kind)} equal {judge}", wrong, total)


def check_torchvision(random, kind):
    if torchvision is None:
        print("skipped: input against torchvision, which is not installed")
        return
    modes = torchvision.transforms.InterpolationMode
    mode = {PIL_BILINEAR: modes.BILINEAR, PIL_BICUBIC: modes.BICUBIC, PIL_NEAREST: modes.NEAREST}
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    wrong, total = [], 0
    for i in range(60):
        limits = (1, 60) if i % 10 == 0 else (20, 700)
        width, height = (int(side) for side in random.randint(*limits, 2))
        if i % 20 == 1:
            width, height = (5000, 3000) if i % 40 == 1 else (3000, 5000)
        pixels = picture(random, width, height)
        short, crop = (256, 224) if i % 2 else (int(random.randint(60, 300)), 57)
        chain = torchvision.transforms.Compose([
            torchvision.transforms.Resize(short, mode[kind]),
            torchvision.transforms.CenterCrop(crop),
            torchvision.transforms.ToTensor(),
            torchvision.transforms.Normalize(mean, std),
        ])
        wanted = chain(Image.fromarray(pixels)).numpy().transpose(1, 2, 0)
        spec = spec_of(crop, crop, SHORT_SIDE, short, CENTER, kind, False, 1.0, mean, std)
        total += 1
        if not same(prepare(spec, pixels), wanted[None]):
            wrong.append(f"{width}x{height} to {short}, {crop}")
    report(f"short-side input by {filter_name(kind)} equals torchvision", wrong, total)


def check_crops(random, kind):
    """TenCrop, and both crops of an image squashed to a square."""
    if torchvision is None:
        print("skipped: crops against torchvision, which is not installed")
        return
    transforms = torchvision.transforms
    modes = transforms.InterpolationMode
    mode = {PIL_BILINEAR: modes.BILINEAR, PIL_BICUBIC: modes.BICUBIC, PIL_NEAREST: modes.NEAREST}
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    each = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    wrong, total = [], 0
    for i in range(30):
        width, height = (int(side) for side in random.randint(20, 600, 2))
        pixels = picture(random, width, height)
        short, size = (256, (227, 224)) if i % 5 == 0 else (int(random.randint(60, 200)), (57, 44))
        if i % 5 == 1:
            short = size[1]
            size = (size[1], size[1])
        for way in (SQUASH, SHORT_SIDE):
            resized = transforms.Resize((short, short) if way == SQUASH else short,
                                        mode[kind])(Image.fromarray(pixels))
            for crop, cut in ((TEN, transforms.TenCrop(size)),
                              (CENTER, lambda image: [transforms.CenterCrop(size)(image)])):
                wanted = np.stack([each(view).numpy().transpose(1, 2, 0) for view in cut(resized)])
                spec = spec_of(size[1], size[0], way, short, crop, kind, False, 1.0, mean, std)
                total += 1
                if not same(prepare(spec, pixels), wanted):
                    wrong.append(f"{width}x{height} to {short}, {size}, {way}, {crop}")
    report(f"ten and centre crops by {filter_name(kind)} equal torchvision", wrong, total)


def check_opencv_crop(random):
    """The centre crop of cv2.resize, which camrank computes inside the crop alone."""
    mean, std = np.float32((104, 117, 123)), np.float32((1, 1, 1))
    wrong, total = [], 0
    for i in range(60):
        width, height = (int(side) for side in random.randint(1, 700, 2))
        short = int(random.randint(57, 300))
        if i % 4 == 0:  # half the size
            width, height = 2 * short, 2 * (short + int(random.randint(100)))
        if i % 8 == 0:
            width, height = height, width
        pixels = picture(random, width, height)
        least = min(width, height)
        new_width, new_height = (short * side // least for side in (width, height))
        x, y = (round((side - 57) / 2) for side in (new_width, new_height))
        whole = judge_resize(pixels, new_width, new_height, OPENCV_LINEAR)
        wanted = whole[y:y + 57, x:x + 57].astype(np.float32) - mean
        spec = spec_of(57, 57, SHORT_SIDE, short, CENTER, OPENCV_LINEAR, False, 255.0, mean, std)
        total += 1
        if not same(prepare(spec, pixels), wanted[None]):
            wrong.append(f"{width}x{height} to {short}")
    report("short-side input by opencv-linear equals OpenCV", wrong, total)


def check_squash(random, kind):
    mean, std = np.float32((104, 117, 123)), np.float32((1, 57.375, 0.25))
    wrong, total = [], 0
    for _ in range(30):
        width, height, new_width, new_height = (int(side) for side in random.randint(20, 400, 4))
        pixels = picture(random, width, height)
        resized = judge_resize(pixels, new_width, new_height, kind)
        wanted = (resized[..., ::-1].astype(np.float32) - mean) / std
        spec = spec_of(new_width, new_height, SQUASH, 0, CENTER, kind, True, 255.0, mean, std)
        total += 1
        if not same(prepare(spec, pixels), wanted[None]):
            wrong.append(f"{width}x{height} to {new_width}x{new_height}")
    report(f"squashed BGR input by {filter_name(kind)} equals numpy", wrong, total)


def check_jet():
    wanted = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_JET)
    wanted = wanted[:, 0, ::-1].tolist()
    rgb = (ctypes.c_uint8 * 3)()
    wrong = []
    for value in range(256):
        lib.cr_jet(ctypes.c_uint8(value), rgb)
        if list(rgb) != wanted[value]:
            wrong.append(value)
    report("jet colours equal OpenCV", wrong, 256)


# --- the kit -----------------------------------------------------------------------------------


def check_kit():
    kit = os.environ.get("CAMRANK_KIT", "")
    if not os.path.isdir(kit):
        print("skipped: the kit's images, since CAMRANK_KIT is not set or names no folder")
        return
    wrong, total = [], 0
    with open(os.path.join(kit, "dev", "pixel_sha256.csv")) as table:
        for row in csv.DictReader(table):
            path = os.path.join(kit, "dev", "images", row["image_id"] + ".JPEG")
            with open(path, "rb") as file:
                pixels = decode(file.read())
            for side in (227, 160, 192, 224):
                total += 1
                ours = pixels if side == 227 else resize(pixels, side, side)
                if hashlib.sha256(ours.tobytes()).hexdigest()[:16] != row[f"rgb_{side}"]:
                    wrong.append(f"{row['image_id']} at {side}")
    report("pixels of the kit's images at 227, 160, 192, 224 have its checksums", wrong, total)

    wrong, total = [], 0
    for path in sorted(glob.glob(os.path.join(kit, "photos", "*"))):
        with open(path, "rb") as file:
            data = file.read()
        total += 1
        if not same(decode(data), pillow(data)):
            wrong.append(os.path.basename(path))
    report("the kit's photos equal Pillow", wrong, total)


check_decoding(np.random.RandomState(1))
check_names(np.random.RandomState(6))
for resampling, how_many in ((PIL_BILINEAR, 400), (PIL_BICUBIC, 400), (PIL_NEAREST, 400),
                             (OPENCV_LINEAR, 3000)):
    check_resize(np.random.RandomState(2), resampling, how_many)
    check_squash(np.random.RandomState(4), resampling)
    if resampling in PIL_FILTERS:
        check_torchvision(np.random.RandomState(3), resampling)
        check_crops(np.random.RandomState(7), resampling)
check_opencv_crop(np.random.RandomState(5))
check_jet()
check_kit()
sys.exit(1 if failures else 0)
