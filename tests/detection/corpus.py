"""Files of the types that people upload, and files that lie."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import zipfile
from typing import NamedTuple

from tests.detection.building import (
    EBML,
    HTML,
    ID3,
    MP3_FRAME,
    ODT,
    OFFICE,
    PART,
    PROSE,
    SVG,
    WEBM_TAIL,
    a_compound,
    a_csv,
    a_docx,
    a_package,
    a_pdf,
    a_picture,
    a_sqlite,
    a_tar,
    a_wav,
    a_xls,
    a_xlsx,
    a_zip,
    an_animation,
    an_iso,
    packed_again,
)

_MACROS = "macroEnabled.12"


class Sample(NamedTuple):
    """A file of the corpus."""

    name: str
    content_type: str  #: what an honest uploader declares
    content: bytes


def unusual() -> list[Sample]:
    """Honest files that are easily taken for something else."""
    word, slow = f"{OFFICE}wordprocessingml.document", b"\xff\xfa\x90\xc0" + bytes(413)
    noise = random.Random(1).randbytes(70_000)
    epub = {"META-INF/container.xml": b"<c/>", "mimetype": b"application/epub+zip", "a.html": HTML}
    return [
        Sample("prices.txt", "text/plain", b"BMW is a maker of cars.\n"),
        Sample("names.csv", "text/csv", b"MZ,ID3,CWS\n1,2,3\n"),
        Sample("tags.md", "text/markdown", b"ID3 is a way to name songs.\n"),
        Sample("paper.tex", "text/x-tex", b"%!TEX root = book.tex\n"),
        Sample("page16.html", "text/html", HTML.decode().encode("utf-16")),
        Sample("readme.md", "text/markdown", b'<!-- logo -->\n<p align="center">Partway</p>\n'),
        Sample("install.sh", "application/x-shellscript", b"#!/bin/sh\nset -e\n"),
        Sample("table.csv", "application/csv", a_csv()),
        Sample("letter.rtf", "application/msword", rb"{\rtf1 Hello.}"),
        Sample("drawing.svg", "image/svg+xml", b"<!-- by hand -->" + SVG.partition(b"\n")[2]),
        Sample(
            "doctype.svg",
            "image/svg+xml",
            b'<?xml version="1.0"?><!DOCTYPE s:svg [<!ENTITY a "b">]>\n<!-- x -->\n<s:svg xmlns:s="x"/>',
        ),
        Sample("far.svg", "image/svg+xml", b'<?xml version="1.0"?><!--' + b"licence " * 2000 + b"--><svg/>"),
        Sample("a.tgz", "application/x-compressed-tar", a_tar(lambda data: gzip.compress(data, mtime=0))),
        Sample("a.tbz2", "application/x-bzip-compressed-tar", a_tar(bz2.compress)),
        Sample("files.zip", "application/zip", a_zip({"word/list.txt": b"a", "xl/b.txt": b"b"})),
        Sample("report.docx", "application/zip", a_docx()),
        Sample("pictures.docx", word, a_zip({"word/media/a.bmp": noise, **PART}, method=zipfile.ZIP_STORED)),
        Sample("data.docx", word, a_zip({"customXml/item.xml": noise, **PART}, method=zipfile.ZIP_STORED)),
        Sample("locked.docx", word, a_compound("EncryptedPackage", "EncryptionInfo")),
        Sample("locked.xlsx", f"{OFFICE}spreadsheetml.sheet", a_compound("ENCRYPTEDPACKAGE")),
        Sample("holds-word.xls", "application/vnd.ms-excel", a_compound("WordDocument", "Workbook")),
        Sample("old.xls", "application/vnd.ms-excel", a_compound("Book")),
        Sample("mail.msg", "application/vnd.ms-outlook", a_compound("__properties_version1.0")),
        Sample("report.docm", f"application/vnd.ms-word.document.{_MACROS}", a_package("word")),
        Sample("report.dotx", f"{OFFICE}wordprocessingml.template", a_package("word")),
        Sample("table.xlsm", f"application/vnd.ms-excel.sheet.{_MACROS}", a_package("xl")),
        Sample("slides.ppsx", f"{OFFICE}presentationml.slideshow", a_package("ppt")),
        Sample("drawing.vsdx", "application/vnd.ms-visio.drawing", a_package("visio")),
        Sample("late.epub", "application/epub+zip", a_zip(epub)),
        Sample("late.odt", "application/vnd.oasis.opendocument.text", a_zip({"content.xml": b"<c/>", **ODT})),
        Sample("moving.png", "image/png", an_animation()),
        Sample("brand.mp4", "video/mp4", an_iso(b"xxxx", b"xxxx")),
        Sample("film.3g2", "video/3gpp2", an_iso(b"3g2a", b"3g2a")),
        Sample("film.ogv", "video/ogg", b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(35)),
        Sample("sound.opus", "audio/opus", b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead" + bytes(11)),
        Sample("padded.mp3", "audio/mpeg", bytes(100) + slow * 3),
        Sample("protected.mp3", "audio/mpeg", slow * 3),
        Sample("late.pdf", "application/pdf", b"\r\n\r\n" + a_pdf()),
        Sample("photo.nef", "image/x-nikon-nef", a_picture("TIFF")),
        Sample("module.ts", "video/mp2t", b"export const a: number = 1;\n"),
        Sample("own.xyz", "application/x-own", b"\x01\x02own" + bytes(60)),
        Sample("windows.zip", "application/x-zip-compressed", a_zip({"a.txt": b"hello"})),
    ]


def honest() -> list[Sample]:
    """Files that are what their names and types say."""
    text = "text/plain"
    return [
        Sample("photo.jpg", "image/jpeg", a_picture("JPEG")),
        Sample("photo.jpeg", "image/jpeg", a_picture("JPEG", "L")),
        Sample("progressive.jpg", "image/jpeg", a_picture("JPEG", progressive=True)),
        Sample("exif.JPG", "image/jpg", a_picture("JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00")),
        Sample("picture.png", "image/png", a_picture("PNG")),
        Sample("alpha.png", "image/png", a_picture("PNG", "L")),
        Sample("picture.gif", "image/gif", a_picture("GIF", "P")),
        Sample("picture.webp", "image/webp", a_picture("WEBP")),
        Sample("picture.bmp", "image/bmp", a_picture("BMP")),
        Sample("picture.tiff", "image/tiff", a_picture("TIFF")),
        Sample("picture.ico", "image/vnd.microsoft.icon", a_picture("ICO")),
        Sample("photo.heic", "image/heic", an_iso(b"heic", b"mif1", b"heic")),
        Sample("photo.avif", "image/avif", an_iso(b"avif", b"mif1", b"avif")),
        Sample("drawing.svg", "image/svg+xml", SVG),
        Sample("invoice.pdf", "application/pdf", a_pdf()),
        Sample("incremental.pdf", "application/pdf", a_pdf("\n%%EOF\n")),
        Sample("report.doc", "application/msword", a_compound("WordDocument")),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", a_docx()),
        Sample("sorted.docx", f"{OFFICE}wordprocessingml.document", packed_again(a_docx(), order=str)),
        Sample("table.xls", "application/vnd.ms-excel", a_xls()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", a_xlsx()),
        Sample("sorted.xlsx", f"{OFFICE}spreadsheetml.sheet", packed_again(a_xlsx(), order=str)),
        Sample("slides.ppt", "application/vnd.ms-powerpoint", a_compound("PowerPoint Document")),
        Sample(
            "slides.pptx",
            f"{OFFICE}presentationml.presentation",
            a_zip({"[Content_Types].xml": b"<Types/>", "_rels/.rels": b"<r/>", "ppt/presentation.xml": b"<p/>"}),
        ),
        Sample(
            "text.odt",
            "application/vnd.oasis.opendocument.text",
            a_zip(
                {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<c/>"}, stored=("mimetype",)
            ),
        ),
        Sample(
            "table.ods",
            "application/vnd.oasis.opendocument.spreadsheet",
            a_zip(
                {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<c/>"},
                stored=("mimetype",),
            ),
        ),
        Sample(
            "book.epub",
            "application/epub+zip",
            a_zip({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<c/>"}, stored=("mimetype",)),
        ),
        Sample("app.jar", "application/java-archive", a_zip({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"})),
        Sample("files.zip", "application/zip", a_zip({"a.txt": b"hello", "b/c.png": a_picture("PNG")})),
        Sample("stored.zip", "application/x-zip-compressed", a_zip({"a.txt": b"hello"}, method=zipfile.ZIP_STORED)),
        Sample("empty.zip", "application/zip", a_zip({})),
        Sample("nested.zip", "application/zip", a_zip({"files.zip": a_zip({"a.zip": a_zip({"a.txt": b"x"})})})),
        Sample("a.gz", "application/gzip", gzip.compress(b"hello", mtime=0)),
        Sample("a.tar.gz", "application/x-gzip", a_tar(lambda data: gzip.compress(data, mtime=0))),
        Sample("a.bz2", "application/x-bzip2", bz2.compress(b"hello")),
        Sample("a.xz", "application/x-xz", lzma.compress(b"hello")),
        Sample("a.tar", "application/x-tar", a_tar()),
        Sample("a.7z", "application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(64)),
        Sample("a.rar", "application/vnd.rar", b"Rar!\x1a\x07\x01\x00" + bytes(64)),
        Sample("notes.txt", text, b"hello\n"),
        Sample("prose.txt", "text/plain; charset=utf-8", PROSE.encode()),
        Sample("latin.txt", text, PROSE.encode("latin-1")),
        Sample("utf16.txt", text, PROSE.encode("utf-16")),
        Sample("bom.txt", text, b"\xef\xbb\xbf" + PROSE.encode()),
        Sample("table.csv", "text/csv", a_csv()),
        Sample("excel.csv", "application/vnd.ms-excel", a_csv()),
        Sample("table.tsv", "text/tab-separated-values", b"a\tb\n1\t2\n"),
        Sample("data.json", "application/json", json.dumps({"a": [1, 2.5, None, "ü"]}).encode()),
        Sample("list.json", "application/json", b"[1, 2, 3]"),
        Sample("data.xml", "application/xml", b'<?xml version="1.0"?>\n<a><b/></a>\n'),
        Sample("feed.xml", "text/xml", b"<rss version='2.0'></rss>"),
        Sample("readme.md", "text/markdown", b"# Title\n\n- one\n- two\n"),
        Sample("page.html", "text/html", HTML),
        Sample("style.css", "text/css", b"body { color: red }\n"),
        Sample("script.py", "text/x-python", b"#!/usr/bin/env python3\nprint('hello')\n"),
        Sample("module.py", "text/x-python", b"import os\n\nprint(os.name)\n"),
        Sample("letter.rtf", "application/rtf", rb"{\rtf1\ansi\deff0 {\fonttbl {\f0 Times;}} Hello.}"),
        Sample(
            "mail.eml", "message/rfc822", b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\n\r\nhello\r\n"
        ),
        Sample("film.mp4", "video/mp4", an_iso(b"isom", b"isom", b"mp41")),
        Sample("sound.m4a", "audio/mp4", an_iso(b"M4A ", b"M4A ", b"isom")),
        Sample("film.mov", "video/quicktime", an_iso(b"qt  ", b"qt  ")),
        Sample("film.webm", "video/webm", EBML + b"webm" + WEBM_TAIL),
        Sample("film.mkv", "video/x-matroska", EBML[:-1] + b"\x88matroska" + WEBM_TAIL),
        Sample("film.avi", "video/x-msvideo", b"RIFF\x40\x00\x00\x00AVI LIST" + bytes(56)),
        Sample("song.mp3", "audio/mpeg", ID3 + MP3_FRAME * 3),
        Sample("bare.mp3", "audio/mp3", MP3_FRAME * 4),
        Sample("sound.wav", "audio/x-wav", a_wav()),
        Sample("sound.flac", "audio/flac", b"fLaC\x00\x00\x00\x22" + bytes(34)),
        Sample("sound.ogg", "audio/ogg", b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(23)),
        Sample("data.sqlite", "application/vnd.sqlite3", a_sqlite()),
        Sample("font.woff2", "font/woff2", b"wOF2\x00\x01\x00\x00" + bytes(40)),
        Sample("raw.bin", "application/octet-stream", bytes(range(256)) * 4),
        Sample("zeros.bin", "application/octet-stream", bytes(4096)),
    ]


def lying() -> list[Sample]:
    """Files that are not what they say, by name or by type."""
    png, gif, pdf = a_picture("PNG"), a_picture("GIF", "P"), a_pdf()
    active = SVG.replace(b"<rect/>", b"<script>alert(1)</script>")
    elf = b"\x7fELF\x02\x01\x01" + bytes(57)
    return [
        Sample("picture.png", "image/png", HTML),
        Sample("photo.jpg", "image/jpeg", active),
        Sample("picture.gif", "image/gif", b"#!/bin/sh\nrm -rf /\n"),
        Sample("invoice.pdf", "application/pdf", HTML),
        Sample("invoice.pdf", "application/pdf", a_zip({"a.js": b"x"})),
        Sample("invoice.pdf", "application/pdf", elf),
        Sample("photo.png", "image/png", pdf),
        Sample("photo.jpg", "image/jpeg", png),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", a_zip({"a.txt": b"hello"})),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", a_xlsx()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", a_docx()),
        Sample("table.xlsx", f"{OFFICE}spreadsheetml.sheet", b"name,size\na,1\n"),
        Sample("report.doc", "application/msword", b"MZ\x90\x00" + bytes(124)),
        Sample("report.doc", "application/msword", HTML),
        Sample("files.zip", "application/zip", b"Rar!\x1a\x07\x01\x00" + bytes(64)),
        Sample("files.zip", "application/zip", b"hello"),
        Sample("notes.txt", "text/plain", elf),
        Sample("notes.txt", "text/plain", png),
        Sample("table.csv", "text/csv", a_xls()),
        Sample("film.mp4", "video/mp4", b"MZ\x90\x00" + bytes(124)),
        Sample("song.mp3", "audio/mpeg", HTML),
        Sample("picture.png", "image/png", bytes(4096)),
        Sample("picture.png", "image/png", b""),
        Sample("picture.png", "image/jpeg", png),
        Sample("program.exe", "image/png", png),
        Sample("picture.gif", "image/png", gif),
        Sample("report.docx", "", HTML),
        Sample("table.xlsx", "", a_zip({"a.txt": b"hello"})),
        Sample("a.7z", "", HTML),
        Sample("picture.webp", "", HTML),
        Sample("picture.gif", "image/gif", b"GIF89a/*" + b" " * 60 + b"*/=1;alert(1)"),
        Sample("picture.png", "image/png", a_zip({"mimetype": b"image/png", "a": b"b"}, stored=("mimetype",))),
        Sample("text.odt", "", a_zip({"mimetype": b"x" * 300 + b"\x00"}, stored=("mimetype",))),
        Sample("drawing.svg", "image/svg+xml", b'<?xml version="1.0"?><a><svg/></a>'),
        Sample("drawing.svg", "image/svg+xml", b'<?xml version="1.0"?><!DOCTYPE html><html><svg></svg></html>'),
        Sample("drawing.svg", "image/svg+xml", HTML),
        Sample("mail.doc", "application/msword", a_compound("__properties_version1.0")),
        Sample("report.docx", f"{OFFICE}wordprocessingml.document", a_compound("WordDocument")),
        Sample("report.docm", f"{OFFICE}wordprocessingml.document", a_package("word")),
        Sample("drawing.docx", f"{OFFICE}wordprocessingml.document", a_package("visio")),
        Sample("page.png", "image/png", HTML.decode().encode("utf-16")),
        Sample("song.mp3", "audio/mpeg", b"\xff\xfa\x90\xc0" + bytes(900)),
        Sample("own.xyz", "application/x-own", elf),
        Sample("setup.msi", "image/png", a_compound("x")),
    ]


def polyglots() -> list[Sample]:
    """Files that are two things at once, or half of one: true to their names, and served so that the rest sleeps."""
    gif = a_picture("GIF", "P")
    return [
        Sample("script.gif", "image/gif", b"GIF89a/*" + gif[8:] + b"*/=1;alert(1)"),
        Sample("page.gif", "image/gif", gif + HTML),
        Sample("archive.pdf", "application/pdf", a_pdf() + a_zip({"a.txt": b"hello"})),
        Sample("script.pdf", "application/pdf", a_pdf("\n<script>alert(1)</script>")),
        Sample("truncated.png", "image/png", a_picture("PNG")[:20]),
        Sample("archive.png", "image/png", a_picture("PNG") + a_zip({"a.txt": b"hello"})),
    ]
