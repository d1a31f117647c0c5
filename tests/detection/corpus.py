"""Files of the types that people upload, and files that lie: made here, byte for byte the same each time.

Pictures, PDFs, spreadsheets and Word files come from the libraries that applications write them with; the others are
small whole files, or the beginnings of large ones, built by their specifications.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import sqlite3
import struct
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import docx
import openpyxl
import xlwt
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

_EPOCH = (1980, 1, 1, 0, 0, 0)
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # openpyxl writes the hour into its files
OFFICE = "application/vnd.openxmlformats-officedocument."


class Sample(NamedTuple):
    """A file of the corpus."""

    name: str
    content_type: str  #: what an honest uploader declares
    content: bytes


def _picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    image = Image.new(mode, (16, 16))
    image.putdata([(x * 16) % 256 if mode in {"L", "P"} else ((x * 16) % 256, x % 256, 7) for x in range(256)])
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _pdf(script: str = "") -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.drawString(72, 720, "Invoice")
    canvas.save()
    return out.getvalue() + script.encode()


def _zip(entries: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, stored: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            archive.writestr(info, content, zipfile.ZIP_STORED if name in stored else method)
    return out.getvalue()


def _again(content: bytes, *, order: Callable[[str], object] | None = None) -> bytes:
    """An archive with its times and the order of its entries fixed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(archive.namelist(), key=order) if order else archive.namelist()
        return _zip({name: _TIME.sub(b"1980-01-01T00:00:00Z", archive.read(name)) for name in names})


def _docx() -> bytes:
    document = docx.Document()
    document.add_paragraph("Report")
    out = io.BytesIO()
    document.save(out)
    return _again(out.getvalue())


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = 42
    out = io.BytesIO()
    book.save(out)
    return _again(out.getvalue())


def _xls() -> bytes:
    book = xlwt.Workbook()
    book.add_sheet("one").write(0, 0, 42)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _compound(stream: str) -> bytes:
    """A compound file (MS-CFB) with one stream, as Word and PowerPoint write them."""
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

    directory = entry("Root Entry", 5, 1, end, 0) + entry(stream, 2, free, 2, 4096) + entry("", 0, free, 0, 0) * 2
    return header + table + directory + b"\xec\xa5\xc1\x00" + bytes(sector * 8 - 4)


def _sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE a (b)")
        connection.close()
        return path.read_bytes()


def _wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return out.getvalue()


def _tar(compress: Callable[[bytes], bytes] = bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    return compress(out.getvalue())


def _csv() -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["name", "size"], ["Größe, mit Komma", 5], ["b", 7]])
    return out.getvalue().encode()


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _iso(brand: bytes, *more: bytes) -> bytes:
    """The beginning of an ISO base media file: MP4, QuickTime, HEIC, AVIF."""
    return _box(b"ftyp", brand + bytes(4) + b"".join(more)) + _box(b"moov", _box(b"mvhd", bytes(100))) + bytes(64)


_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
_ID3 = b"ID3\x03\x00\x00\x00\x00\x00\x0aTIT2" + bytes(6)
_EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84"
_WEBM_TAIL = b"\x42\x87\x81\x04\x42\x85\x81\x02\x18\x53\x80\x67" + bytes(64)
_HTML = b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><script>alert(1)</script></body></html>\n"
_SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>\n'
_PROSE = "Ein Text mit Umlauten: äöüß, und noch einem Satz.\n" * 8


def honest() -> list[Sample]:
    """Files that are what their names and types say."""
    text = "text/plain"
    return [
        Sample("photo.jpg", "image/jpeg", _picture("JPEG")),
        Sample("photo.jpeg", "image/jpeg", _picture("JPEG", "L")),
        Sample("progressive.jpg", "image/jpeg", _picture("JPEG", progressive=True)),
        Sample("exif.JPG", "image/jpg", _picture("JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00")),
        Sample("picture.png", "image/png", _picture("PNG")),
        Sample("alpha.png", "image/png", _picture("PNG", "L")),
        Sample("picture.gif", "image/gif", _picture("GIF", "P")),
        Sample("picture.webp", "image/webp", _picture("WEBP")),
        Sample("picture.bmp", "image/bmp", _picture("BMP")),
        Sample("picture.tiff", "image/tiff", _picture("TIFF")),
        Sample("picture.ico", "image/vnd.microsoft.icon", _picture("ICO")),
        Sample("photo.heic", "image/heic", _iso(b"heic", b"mif1", b"heic")),
        Sample("photo.avif", "image/avif", _iso(b"avif", b"mif1", b"avif")),
        Sample("drawing.svg", "image/svg+xml", _SVG),
        Sample("invoice.pdf", "application/pdf", _pdf()),
        Sample("incremental.pdf", "application/pdf", _pdf("\n%%EOF\n")),
        Sample("report.doc", "application/msword", _compound("WordDocument")),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", _docx()),
        Sample("sorted.docx", f"{OFFICE}wordprocessingml.document", _again(_docx(), order=str)),
        Sample("table.xls", "application/vnd.ms-excel", _xls()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", _xlsx()),
        Sample("sorted.xlsx", f"{OFFICE}spreadsheetml.sheet", _again(_xlsx(), order=str)),
        Sample("slides.ppt", "application/vnd.ms-powerpoint", _compound("PowerPoint Document")),
        Sample(
            "slides.pptx",
            f"{OFFICE}presentationml.presentation",
            _zip({"[Content_Types].xml": b"<Types/>", "_rels/.rels": b"<r/>", "ppt/presentation.xml": b"<p/>"}),
        ),
        Sample(
            "text.odt",
            "application/vnd.oasis.opendocument.text",
            _zip(
                {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<c/>"}, stored=("mimetype",)
            ),
        ),
        Sample(
            "table.ods",
            "application/vnd.oasis.opendocument.spreadsheet",
            _zip(
                {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<c/>"},
                stored=("mimetype",),
            ),
        ),
        Sample(
            "book.epub",
            "application/epub+zip",
            _zip({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<c/>"}, stored=("mimetype",)),
        ),
        Sample("app.jar", "application/java-archive", _zip({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"})),
        Sample("files.zip", "application/zip", _zip({"a.txt": b"hello", "b/c.png": _picture("PNG")})),
        Sample("stored.zip", "application/x-zip-compressed", _zip({"a.txt": b"hello"}, method=zipfile.ZIP_STORED)),
        Sample("empty.zip", "application/zip", _zip({})),
        Sample("nested.zip", "application/zip", _zip({"files.zip": _zip({"a.zip": _zip({"a.txt": b"x"})})})),
        Sample("a.gz", "application/gzip", gzip.compress(b"hello", mtime=0)),
        Sample("a.tar.gz", "application/x-gzip", _tar(lambda data: gzip.compress(data, mtime=0))),
        Sample("a.bz2", "application/x-bzip2", bz2.compress(b"hello")),
        Sample("a.xz", "application/x-xz", lzma.compress(b"hello")),
        Sample("a.tar", "application/x-tar", _tar()),
        Sample("a.7z", "application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(64)),
        Sample("a.rar", "application/vnd.rar", b"Rar!\x1a\x07\x01\x00" + bytes(64)),
        Sample("notes.txt", text, b"hello\n"),
        Sample("prose.txt", "text/plain; charset=utf-8", _PROSE.encode()),
        Sample("latin.txt", text, _PROSE.encode("latin-1")),
        Sample("utf16.txt", text, _PROSE.encode("utf-16")),
        Sample("bom.txt", text, b"\xef\xbb\xbf" + _PROSE.encode()),
        Sample("table.csv", "text/csv", _csv()),
        Sample("excel.csv", "application/vnd.ms-excel", _csv()),
        Sample("table.tsv", "text/tab-separated-values", b"a\tb\n1\t2\n"),
        Sample("data.json", "application/json", json.dumps({"a": [1, 2.5, None, "ü"]}).encode()),
        Sample("list.json", "application/json", b"[1, 2, 3]"),
        Sample("data.xml", "application/xml", b'<?xml version="1.0"?>\n<a><b/></a>\n'),
        Sample("feed.xml", "text/xml", b"<rss version='2.0'></rss>"),
        Sample("readme.md", "text/markdown", b"# Title\n\n- one\n- two\n"),
        Sample("page.html", "text/html", _HTML),
        Sample("style.css", "text/css", b"body { color: red }\n"),
        Sample("script.py", "text/x-python", b"#!/usr/bin/env python3\nprint('hello')\n"),
        Sample("module.py", "text/x-python", b"import os\n\nprint(os.name)\n"),
        Sample("letter.rtf", "application/rtf", rb"{\rtf1\ansi\deff0 {\fonttbl {\f0 Times;}} Hello.}"),
        Sample(
            "mail.eml", "message/rfc822", b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\n\r\nhello\r\n"
        ),
        Sample("film.mp4", "video/mp4", _iso(b"isom", b"isom", b"mp41")),
        Sample("sound.m4a", "audio/mp4", _iso(b"M4A ", b"M4A ", b"isom")),
        Sample("film.mov", "video/quicktime", _iso(b"qt  ", b"qt  ")),
        Sample("film.webm", "video/webm", _EBML + b"webm" + _WEBM_TAIL),
        Sample("film.mkv", "video/x-matroska", _EBML[:-1] + b"\x88matroska" + _WEBM_TAIL),
        Sample("film.avi", "video/x-msvideo", b"RIFF\x40\x00\x00\x00AVI LIST" + bytes(56)),
        Sample("song.mp3", "audio/mpeg", _ID3 + _MP3_FRAME * 3),
        Sample("bare.mp3", "audio/mp3", _MP3_FRAME * 4),
        Sample("sound.wav", "audio/x-wav", _wav()),
        Sample("sound.flac", "audio/flac", b"fLaC\x00\x00\x00\x22" + bytes(34)),
        Sample("sound.ogg", "audio/ogg", b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(23)),
        Sample("data.sqlite", "application/vnd.sqlite3", _sqlite()),
        Sample("font.woff2", "font/woff2", b"wOF2\x00\x01\x00\x00" + bytes(40)),
        Sample("raw.bin", "application/octet-stream", bytes(range(256)) * 4),
        Sample("zeros.bin", "application/octet-stream", bytes(4096)),
    ]


def lying() -> list[Sample]:
    """Files that are not what they say, by name or by type."""
    png, gif, pdf = _picture("PNG"), _picture("GIF", "P"), _pdf()
    active = _SVG.replace(b"<rect/>", b"<script>alert(1)</script>")
    elf = b"\x7fELF\x02\x01\x01" + bytes(57)
    return [
        Sample("picture.png", "image/png", _HTML),
        Sample("photo.jpg", "image/jpeg", active),
        Sample("picture.gif", "image/gif", b"#!/bin/sh\nrm -rf /\n"),
        Sample("invoice.pdf", "application/pdf", _HTML),
        Sample("invoice.pdf", "application/pdf", _zip({"a.js": b"x"})),
        Sample("invoice.pdf", "application/pdf", elf),
        Sample("photo.png", "image/png", pdf),
        Sample("photo.jpg", "image/jpeg", png),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", _zip({"a.txt": b"hello"})),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", _xlsx()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", _docx()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", b"name,size\na,1\n"),
        Sample("report.doc", "application/msword", b"MZ\x90\x00" + bytes(124)),
        Sample("report.doc", "application/msword", _HTML),
        Sample("files.zip", "application/zip", b"Rar!\x1a\x07\x01\x00" + bytes(64)),
        Sample("files.zip", "application/zip", b"hello"),
        Sample("notes.txt", "text/plain", elf),
        Sample("notes.txt", "text/plain", png),
        Sample("table.csv", "text/csv", _xls()),
        Sample("film.mp4", "video/mp4", b"MZ\x90\x00" + bytes(124)),
        Sample("song.mp3", "audio/mpeg", _HTML),
        Sample("picture.png", "image/png", bytes(4096)),
        Sample("picture.png", "image/png", b""),
        Sample("picture.png", "image/jpeg", png),
        Sample("program.exe", "image/png", png),
        Sample("picture.gif", "image/png", gif),
    ]


def polyglots() -> list[Sample]:
    """Files that are two things at once, or half of one: true to their names, and served so that the rest sleeps."""
    gif = _picture("GIF", "P")
    return [
        Sample("script.gif", "image/gif", b"GIF89a/*" + gif[8:] + b"*/=1;alert(1)"),
        Sample("page.gif", "image/gif", gif + _HTML),
        Sample("archive.pdf", "application/pdf", _pdf() + _zip({"a.txt": b"hello"})),
        Sample("script.pdf", "application/pdf", _pdf("\n<script>alert(1)</script>")),
        Sample("truncated.png", "image/png", _picture("PNG")[:20]),
        Sample("archive.png", "image/png", _picture("PNG") + _zip({"a.txt": b"hello"})),
    ]
