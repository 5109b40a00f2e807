"""Writes small pictures of every kind we read, and what the reference makes of them.

Versions: pillow 13.0.0 (libjpeg-turbo 3.x), transformers 5.23.0 (CLIPImageProcessorPil), numpy 2.4.6.
Seed: 20240403. Run from the repository root: python tests/reference/images.py

Sources go to tests/fixtures/images/, expectations to tests/golden/images/:
  <name>.png     the u8 picture the network sees, [pad | crop] side by side, each side x side
  <name>.f32     the same two after normalising, little-endian f32, [2, 3, side, side] (a few rows only)
  rows.json      one row per source: file, side, whether an .f32 exists

Sources named refused_* are varieties that are turned down with a message; they have no expectation.

Decisions that differ from `Image.open(f).convert("RGB")`, each made explicit here:
  - EXIF orientation is applied first (ImageOps.exif_transpose).
  - 16-bit grey keeps its high byte (x >> 8); this Pillow clips everything above 255 to white instead.
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

# A neighbour in this folder is called tokenizers.py and would hide the package transformers needs.
sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "fixtures" / "images"
GOLDEN = ROOT / "golden" / "images"
MEAN = [0.48145466, 0.4578275, 0.40821073]
rng = np.random.default_rng(20240403)
rows = []


def scene(width, height, grain=3.0):
    """A photograph's ingredients: slow gradients, hard edges, thin lines, a little sensor noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    rgb = np.stack([60 + 150 * u, 200 - 120 * v + 20 * np.sin(9 * u), 90 + 100 * u * v + 40 * np.cos(7 * v)], -1)
    picture = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse([width * 0.1, height * 0.15, width * 0.5, height * 0.6], fill=(210, 60, 40))
    draw.rectangle([width * 0.55, height * 0.4, width * 0.9, height * 0.95], fill=(30, 70, 160))
    draw.line([0, height - 1, width - 1, 0], fill=(250, 240, 220), width=max(1, min(width, height) // 30))
    noisy = np.asarray(picture).astype(np.float64) + rng.normal(0, grain, (height, width, 3))
    return Image.fromarray(np.clip(np.round(noisy), 0, 255).astype(np.uint8))


def png16(samples):
    """PNG with 16 bits a sample: [h, w, channels] uint16 with 1, 2, 3 or 4 channels."""
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    body = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def tiff(samples, photometric, order="<"):
    """Uncompressed one-strip TIFF: [h, w, channels] of uint8 or uint16."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    bits_at, data_at = 8 + 2 + 10 * 12 + 4, 8 + 2 + 10 * 12 + 4 + 2 * channels
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, bits_at if channels > 2 else None),
        (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, data_at), (277, 3, 1, channels),
        (278, 4, 1, height), (279, 4, 1, len(data)), (284, 3, 1, 1),
    ]
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        out += struct.pack(order + "HHI", tag, kind, count)
        if value is None:
            out += struct.pack(order + "HH", bits, bits if count == 2 else 0)
        elif kind == 3 and count == 1:
            out += struct.pack(order + "HH", value, 0)
        else:
            out += struct.pack(order + "I", value)
    return out + struct.pack(order + "I", 0) + struct.pack(order + "H", bits) * channels + data


def expand2square(picture):
    width, height = picture.size
    if width == height:
        return picture
    side = max(width, height)
    square = Image.new("RGB", (side, side), tuple(int(m * 255) for m in MEAN))
    square.paste(picture, ((side - width) // 2, (side - height) // 2))
    return square


def reference(picture, side, normalise):
    clip = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side},
                                 do_rescale=normalise, do_normalize=normalise)
    return np.asarray(clip(picture, return_tensors="np")["pixel_values"][0])


def add(file, data, side=28, f32=False, instead=None):
    """Writes one source and its expectation; `instead` replaces Pillow's own reading where we decided otherwise."""
    if isinstance(data, Image.Image):
        buffer = io.BytesIO()
        data.save(buffer, "PNG", optimize=True)
        data = buffer.getvalue()
    (SOURCES / file).write_bytes(data)
    assert len(data) <= 10 * 1024, (file, len(data))
    opened = instead if instead is not None else ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = opened.convert("RGB")
    # A converted picture keeps a note on its old transparent colour. Transformers 5 blends that onto white, the
    # versions LLaVA was trained with did not, and padding drops the note anyway: so it is dropped for both.
    picture.info.pop("transparency", None)
    seen = [expand2square(picture), picture]
    sheet = np.concatenate([reference(p, side, False) for p in seen], 2)
    Image.fromarray(sheet.transpose(1, 2, 0).astype(np.uint8)).save(GOLDEN / f"{file}.png", optimize=True)
    if f32:
        np.stack([reference(p, side, True) for p in seen]).astype("<f4").tofile(GOLDEN / f"{file}.f32")
    rows.append({"file": file, "side": side, "width": picture.width, "height": picture.height, "f32": f32})


def saved(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[274] = value
    return exif.tobytes()


def shapes():
    add("wide.png", scene(90, 31), f32=True)
    add("tall.png", scene(23, 80), f32=True)
    add("square.png", scene(50, 50), f32=True)
    add("same_side.png", scene(28, 28))
    add("small_wide.png", scene(9, 5), side=56)
    add("odd.png", scene(57, 38), side=27)
    add("one_pixel.png", Image.new("RGB", (1, 1), (200, 100, 50)))
    add("one_row.png", scene(700, 1))
    add("one_column.png", scene(1, 700))
    add("extreme_wide.png", scene(1500, 2, grain=0))
    add("two_by_three.png", scene(2, 3))
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255  # the hardest case for the overshoot of a bicubic filter
    add("stripes.png", Image.fromarray(stripes))


def colours():
    photo = scene(60, 44)
    add("grey.png", photo.convert("L"))
    add("one_bit.png", photo.convert("1"))
    add("palette.png", photo.quantize(32))
    clear = photo.quantize(32)
    buffer = saved(clear, "PNG", transparency=bytes([0, 128, 255, 40] * 8))
    add("palette_alpha.png", buffer)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 60).astype(np.uint8), (44, 1)))
    rgba = photo.copy()
    rgba.putalpha(alpha)
    add("rgba.png", rgba)
    la = photo.convert("L")
    la.putalpha(alpha)
    add("la.png", la)
    add("grey_transparent_colour.png", saved(photo.convert("L"), "PNG", transparency=128))
    grey16 = (np.asarray(photo.convert("L")).astype(np.uint16)[:24, :30] << 8) | rng.integers(0, 256, (24, 30), np.uint16)
    high = Image.fromarray((grey16 >> 8).astype(np.uint8))
    add("grey16.png", png16(grey16[..., None]), instead=high)
    add("grey16.tiff", tiff(grey16[..., None], 1), instead=high)
    add("grey16_big_endian.tiff", tiff(grey16[..., None], 1, ">"), instead=high)
    small = np.asarray(photo).astype(np.uint16)[:24, :30]
    rgb16 = (small << 8) | rng.integers(0, 256, small.shape, np.uint16)
    add("rgb16.png", png16(rgb16))
    add("rgb16.tiff", tiff(rgb16, 2), instead=Image.fromarray((rgb16 >> 8).astype(np.uint8)))
    rgba16 = np.concatenate([rgb16, rng.integers(0, 65536, (24, 30, 1), np.uint16)], 2)
    add("rgba16.png", png16(rgba16))
    add("la16.png", png16(rgba16[..., 2:]))
    add("four_bit.png", saved(photo.quantize(12), "PNG", bits=4))


def jpegs():
    photo, large = scene(120, 80), scene(150, 101)
    add("plain_444.jpg", saved(photo, "JPEG", quality=92, subsampling=0))
    add("chroma_420.jpg", saved(photo, "JPEG", quality=90, subsampling=2))
    add("chroma_420_odd.jpg", saved(large, "JPEG", quality=85, subsampling=2))
    add("chroma_422.jpg", saved(large, "JPEG", quality=85, subsampling=1))
    add("progressive.jpg", saved(large, "JPEG", quality=85, progressive=True))
    add("grey.jpg", saved(large.convert("L"), "JPEG", quality=85))
    add("low_quality.jpg", saved(large, "JPEG", quality=30))
    add("restarts.jpg", saved(large, "JPEG", quality=80, restart_marker_blocks=3))
    add("enlarged_420.jpg", saved(scene(20, 14), "JPEG", quality=90, subsampling=2), side=56)
    add("rgb.jpg", saved(photo, "JPEG", quality=90, keep_rgb=True))
    add("tiny.jpg", saved(scene(3, 2), "JPEG", quality=90))
    cmyk = photo.convert("CMYK")
    inked = np.asarray(cmyk).copy()
    inked[..., 3] = np.clip(inked[..., 0] // 3, 0, 255)  # a real black channel, Pillow's own conversion writes none
    adobe = saved(Image.fromarray(inked, "CMYK"), "JPEG", quality=90)
    add("cmyk.jpg", adobe)
    at = adobe.index(b"Adobe")
    assert adobe[at + 11] == 0
    add("ycck.jpg", adobe[: at + 11] + b"\x02" + adobe[at + 12 :])
    length = struct.unpack(">H", adobe[at - 2 : at])[0]
    add("cmyk_without_adobe.jpg", adobe[: at - 4] + adobe[at - 2 + length :])
    add("photo_336.jpg", saved(scene(640, 427, grain=1.0), "JPEG", quality=42), side=336)


def oriented():
    small = scene(24, 16)
    for value in range(1, 9):
        add(f"orientation_{value}.jpg", saved(small, "JPEG", quality=95, subsampling=0, exif=orientation(value)))
    add("orientation_6.png", saved(small, "PNG", exif=orientation(6)))
    add("orientation_8.webp", saved(small, "WEBP", lossless=True, exif=orientation(8)))
    add("orientation_6.tiff", saved(small, "TIFF", tiffinfo={274: 6}))


def other_formats():
    photo, large = scene(60, 44), scene(110, 75)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 60).astype(np.uint8), (44, 1)))
    rgba = photo.copy()
    rgba.putalpha(alpha)
    add("lossless.webp", saved(photo, "WEBP", lossless=True))
    add("lossless_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
    add("lossy.webp", saved(large, "WEBP", quality=80))
    add("lossy_alpha.webp", saved(rgba, "WEBP", quality=90))
    add("enlarged.webp", saved(scene(20, 14), "WEBP", quality=80), side=56)
    frames = [scene(40, 30).quantize(16) for _ in range(3)]
    add("animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50))
    add("animated.webp", saved(scene(40, 30), "WEBP", save_all=True, append_images=[scene(40, 30)], lossless=True))
    still = bytearray(saved(frames[0], "GIF"))
    add("interlaced.gif", saved(frames[1], "GIF", interlace=True))
    add("transparent.gif", saved(frames[0], "GIF", transparency=3))
    still[6:10] = struct.pack("<HH", 52, 47)  # a screen larger than its only frame
    add("frame_in_screen.gif", bytes(still))
    clear = bytearray(saved(frames[0], "GIF", transparency=3))
    clear[6:10] = struct.pack("<HH", 52, 47)
    add("transparent_in_screen.gif", bytes(clear))
    add("plain.bmp", saved(photo, "BMP"))
    add("palette.bmp", saved(photo.quantize(32), "BMP"))
    add("one_bit.bmp", saved(photo.convert("1"), "BMP"))
    add("grey.bmp", saved(photo.convert("L"), "BMP"))
    add("plain.tiff", saved(photo, "TIFF"))
    add("lzw.tiff", saved(photo, "TIFF", compression="tiff_lzw"))
    add("deflate.tiff", saved(photo, "TIFF", compression="tiff_adobe_deflate"))
    add("packbits.tiff", saved(photo, "TIFF", compression="packbits"))
    add("one_bit.tiff", saved(photo.convert("1"), "TIFF"))
    add("rgba.tiff", saved(rgba.crop((0, 0, 50, 40)), "TIFF"))
    add("white_is_zero.tiff", tiff(np.asarray(photo.convert("L"))[..., None], 0))
    inked = np.asarray(photo.convert("CMYK")).copy()[:40, :50]
    inked[..., 3] = inked[..., 0] // 3
    add("jpeg.tiff", saved(photo, "TIFF", compression="jpeg"))
    add("cmyk.tiff", tiff(inked, 5))


def refused():
    photo = scene(30, 22)
    files = {
        "refused_palette.tiff": saved(photo.quantize(16), "TIFF"),
        "refused_grey_alpha.tiff": saved(photo.convert("LA"), "TIFF"),
        "refused_float.tiff": saved(photo.convert("F"), "TIFF"),
    }
    for file, data in files.items():
        (SOURCES / file).write_bytes(data)


def main():
    for folder in (SOURCES, GOLDEN):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    shapes()
    colours()
    jpegs()
    oriented()
    other_formats()
    refused()
    lines = ",\n".join(json.dumps(row) for row in rows)
    (GOLDEN / "rows.json").write_text(f"[\n{lines}\n]\n")


main()
