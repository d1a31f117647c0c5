"""What the files of the corpus are made with, byte for byte the same each time.

Pictures, PDFs, spreadsheets and Word files come from the libraries that applications write them with; the others are
small whole files, or the beginnings of large ones, built by their specifications.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import struct
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import docx
import openpyxl
import xlwt
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

EPOCH = (1980, 1, 1, 0, 0, 0)
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # openpyxl writes the hour into its files
OFFICE = "application/vnd.openxmlformats-officedocument."


def a_picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    image = Image.new(mode, (16, 16))
    image.putdata([(x * 16) % 256 if mode in {"L", "P"} else ((x * 16) % 256, x % 256, 7) for x in range(256)])
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def a_pdf(script: str = "") -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.drawString(72, 720, "Invoice")
    canvas.save()
    return out.getvalue() + script.encode()


def a_zip(entries: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, stored: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, EPOCH)
            archive.writestr(info, content, zipfile.ZIP_STORED if name in stored else method)
    return out.getvalue()


def packed_again(content: bytes, *, order: Callable[[str], object] | None = None) -> bytes:
    """An archive with its times and the order of its entries fixed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(archive.namelist(), key=order) if order else archive.namelist()
        return a_zip({name: TIME.sub(b"1980-01-01T00:00:00Z", archive.read(name)) for name in names})


def a_docx() -> bytes:
    document = docx.Document()
    document.add_paragraph("Report")
    out = io.BytesIO()
    document.save(out)
    return packed_again(out.getvalue())


def a_xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = 42
    out = io.BytesIO()
    book.save(out)
    return packed_again(out.getvalue())


def a_xls() -> bytes:
    book = xlwt.Workbook()
    book.add_sheet("one").write(0, 0, 42)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def a_compound(stream: str, other: str = "") -> bytes:
    """A compound file (MS-CFB) with a stream or two, as Word and PowerPoint write them."""
    sector, free, end, fat = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII109I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0, 0, *[free] * 108,
    )  # fmt: skip
    table = struct.pack("<128I", fat, end, *range(3, 10), end, *[free] * 118)

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le")
        return struct.pack(
            "<64sHBBIII16xI8x8xIQ", encoded, len(encoded) + 2 if name else 0, kind, 1, free, free, child, 0, start, size
        )

    second = entry(other, 2, free, 2, 4096) if other else entry("", 0, free, 0, 0)
    directory = entry("Root Entry", 5, 1, end, 0) + entry(stream, 2, free, 2, 4096) + second + entry("", 0, free, 0, 0)
    return header + table + directory + b"\xec\xa5\xc1\x00" + bytes(sector * 8 - 4)


def a_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE a (b)")
        connection.close()
        return path.read_bytes()


def a_wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return out.getvalue()


def a_tar(compress: Callable[[bytes], bytes] = bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    return compress(out.getvalue())


def a_csv() -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["name", "size"], ["Größe, mit Komma", 5], ["b", 7]])
    return out.getvalue().encode()


def a_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def an_iso(brand: bytes, *more: bytes) -> bytes:
    """The beginning of an ISO base media file: MP4, QuickTime, HEIC, AVIF."""
    return a_box(b"ftyp", brand + bytes(4) + b"".join(more)) + a_box(b"moov", a_box(b"mvhd", bytes(100))) + bytes(64)


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
ID3 = b"ID3\x03\x00\x00\x00\x00\x00\x0aTIT2" + bytes(6)
EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84"
WEBM_TAIL = b"\x42\x87\x81\x04\x42\x85\x81\x02\x18\x53\x80\x67" + bytes(64)
HTML = b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><script>alert(1)</script></body></html>\n"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>\n'
PROSE = "Ein Text mit Umlauten: äöüß, und noch einem Satz.\n" * 8

ODT = {"mimetype": b"application/vnd.oasis.opendocument.text"}
PART = {"[Content_Types].xml": b"<Types/>"}


def a_package(folder: str) -> bytes:
    return a_zip({**PART, f"{folder}/document.xml": b"<d/>"})


def an_animation() -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4)).save(out, "PNG", save_all=True, append_images=[Image.new("L", (4, 4), 9)])
    return out.getvalue()
