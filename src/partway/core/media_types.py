"""Names of media types: what an extension stands for, which names mean the same, and whose bytes are alike. Pure.

The table of extensions is our own: Python's `mimetypes` differs from version to version, and 3.11 knows no docx.
"""

from __future__ import annotations

from collections.abc import Mapping

ZIP, COMPOUND, TEXT = "application/zip", "application/x-ole-storage", "text/plain"
HTML, SVG, XML = "text/html", "image/svg+xml", "application/xml"
OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
WORD, SHEET, SLIDES = (
    f"{OFFICE}wordprocessingml.document",
    f"{OFFICE}spreadsheetml.sheet",
    f"{OFFICE}presentationml.presentation",
)
OLD_WORD, OLD_SHEET, OLD_SLIDES = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"

#: Type → the extensions that mean it. Those that mean several things (dot, key, pages, ts) mean nothing here.
_EXTENSIONS = {
    "application/epub+zip": "epub",
    "application/gzip": "gz tgz svgz",
    "application/java-archive": "jar war ear",
    "application/json": "json map",
    "application/pdf": "pdf",
    "application/postscript": "ps eps ai",
    "application/rtf": "rtf",
    "application/sql": "sql",
    "application/toml": "toml",
    "application/vnd.rar": "rar",
    "application/vnd.sqlite3": "sqlite sqlite3",
    "application/x-7z-compressed": "7z",
    "application/x-bzip2": "bz2 tbz2 tbz",
    "application/x-msdownload": "exe dll scr cpl",
    "application/x-ndjson": "ndjson jsonl",
    "application/x-sh": "sh bash",
    "application/x-tar": "tar",
    "application/x-xz": "xz txz",
    "application/yaml": "yaml yml",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "m4a m4b",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus",
    "audio/wav": "wav",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/avif": "avif",
    "image/bmp": "bmp dib",
    "image/gif": "gif",
    "image/heic": "heic heif",
    "image/jpeg": "jpg jpeg jpe jfif",
    "image/png": "png apng",
    "image/tiff": "tif tiff",
    "image/vnd.adobe.photoshop": "psd",
    "image/vnd.microsoft.icon": "ico",
    "image/webp": "webp",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/css": "css",
    "text/csv": "csv",
    "text/javascript": "js mjs cjs",
    "text/markdown": "md markdown",
    "text/tab-separated-values": "tsv",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "text/x-script": "bat cmd ps1 vbs hta",
    "video/3gpp": "3gp 3g2",
    "video/mp4": "mp4 m4v",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv mka",
    "video/x-msvideo": "avi",
    HTML: "html htm xhtml xht",
    SVG: "svg",
    XML: "xml xsl rss atom kml gpx",
    TEXT: "txt text log ini cfg conf tex bib srt py pyi c h cc cpp hpp java kt go rs rb php pl swift jsx tsx scss",
    ZIP: "zip",
    OLD_WORD: "doc",
    OLD_SHEET: "xls xlt",
    OLD_SLIDES: "ppt pps pot",
    WORD: "docx",
    SHEET: "xlsx",
    SLIDES: "pptx",
    f"{OFFICE}wordprocessingml.template": "dotx",
    f"{OFFICE}spreadsheetml.template": "xltx",
    f"{OFFICE}presentationml.template": "potx",
    f"{OFFICE}presentationml.slideshow": "ppsx",
    "application/vnd.ms-word.document.macroenabled.12": "docm",
    "application/vnd.ms-word.template.macroenabled.12": "dotm",
    "application/vnd.ms-excel.sheet.macroenabled.12": "xlsm",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": "xlsb",
    "application/vnd.ms-excel.template.macroenabled.12": "xltm",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": "pptm",
    "application/vnd.ms-powerpoint.slideshow.macroenabled.12": "ppsm",
    f"{OPEN_DOCUMENT}text": "odt",
    f"{OPEN_DOCUMENT}spreadsheet": "ods",
    f"{OPEN_DOCUMENT}presentation": "odp",
    f"{OPEN_DOCUMENT}graphics": "odg",
}
EXTENSION_TYPES: Mapping[str, str] = {
    extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()
}  #: extension → its type

#: Type → other names for it, as browsers, libraries and old systems write them.
_OTHER_NAMES = {
    "application/gzip": (
        "application/x-gzip application/gzip-compressed application/x-gtar-compressed application/x-compressed-tar "
        "application/x-tgz"
    ),
    "application/pdf": "application/x-pdf",
    "application/rtf": "text/rtf",
    "application/vnd.rar": "application/x-rar application/x-rar-compressed",
    "application/vnd.sqlite3": "application/x-sqlite3",
    "application/x-bzip2": "application/x-bzip application/bzip2 application/x-bzip-compressed-tar",
    "application/x-executable": "application/x-elf application/x-sharedlib application/x-pie-executable",
    "application/x-msdownload": (
        "application/vnd.microsoft.portable-executable application/x-dosexec application/x-msdos-program "
        "application/x-ms-dos-executable"
    ),
    "application/x-sh": "application/x-shellscript text/x-sh text/x-shellscript",
    "application/x-xz": "application/x-xz-compressed-tar",
    "application/yaml": "application/x-yaml text/yaml text/x-yaml",
    "audio/aac": "audio/x-aac audio/aacp audio/vnd.dlna.adts",
    "audio/flac": "audio/x-flac",
    "audio/mp4": "audio/m4a audio/x-m4a",
    "audio/mpeg": "audio/mp3 audio/x-mpeg audio/x-mp3 audio/mpeg3",
    "audio/ogg": "application/ogg audio/opus audio/x-opus+ogg audio/x-vorbis+ogg",
    "audio/wav": "audio/x-wav audio/wave audio/vnd.wave",
    "font/otf": "application/x-font-otf application/font-sfnt font/sfnt",
    "font/ttf": "application/x-font-ttf",
    "font/woff": "application/font-woff application/x-font-woff",
    "image/bmp": "image/x-ms-bmp image/x-bmp",
    "image/heic": "image/heif image/heic-sequence image/heif-sequence",
    "image/jpeg": "image/jpg image/pjpeg",
    "image/png": "image/x-png",
    "image/vnd.adobe.photoshop": "image/x-photoshop application/x-photoshop",
    "image/vnd.microsoft.icon": "image/x-icon image/ico",
    "text/csv": "application/csv text/x-csv text/comma-separated-values",
    "text/javascript": "application/javascript application/x-javascript text/x-javascript",
    "video/webm": "audio/webm",
    "video/x-msvideo": "video/avi video/msvideo",
    HTML: "application/xhtml+xml",
    XML: "text/xml",
    ZIP: "application/x-zip application/x-zip-compressed multipart/x-zip",
}
_CANONICAL = {other: kind for kind, others in _OTHER_NAMES.items() for other in others.split()}

#: Types whose first bytes are alike, so that one may be recognised as another.
_ALIKE = {
    "audio/mp4": "video/mp4",
    "audio/x-matroska": "video/webm",
    "font/ttf": "font/otf",
    "font/woff2": "font/woff",
    "image/apng": "image/png",
    "video/3gpp": "video/mp4",
    "video/3gpp2": "video/mp4",
    "audio/3gpp": "video/mp4",
    "audio/x-ms-wma": "video/x-ms-wmv",
    "application/vnd.ms-asf": "video/x-ms-wmv",
    "video/x-ms-asf": "video/x-ms-wmv",
    "video/ogg": "audio/ogg",
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/x-matroska": "video/webm",
}
_OFFICE_FAMILIES = (
    (f"{OFFICE}wordprocessingml.", WORD),
    ("application/vnd.ms-word.", WORD),
    (f"{OFFICE}spreadsheetml.", SHEET),
    ("application/vnd.ms-excel.", SHEET),
    (f"{OFFICE}presentationml.", SLIDES),
    ("application/vnd.ms-powerpoint.", SLIDES),
)
#: Types whose files are text, besides `text/…` and those that end in `+xml` or `+json`.
_TEXTUAL = frozenset(
    {
        "application/json",
        "application/postscript",
        "application/sql",
        "application/toml",
        "application/x-httpd-php",
        "application/x-ndjson",
        "application/x-sh",
        "application/yaml",
        "message/rfc822",
        XML,
    }
)
#: Text that somebody's machine runs when it opens it.
_ACTIVE = frozenset({HTML, SVG, "application/x-sh", "text/javascript", "text/x-script"})
#: Families that are recognised when they are there: a file that is declared so and not recognised is none.
_RECOGNISED = frozenset(
    {
        "application/epub+zip",
        "application/gzip",
        "application/pdf",
        "application/rtf",
        "application/vnd.rar",
        "application/vnd.sqlite3",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-executable",
        "application/x-msdownload",
        "application/x-xz",
        "audio/aac",
        "audio/flac",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "font/otf",
        "font/woff",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/vnd.adobe.photoshop",
        "image/vnd.microsoft.icon",
        "image/webp",
        "video/mp4",
        "video/webm",
        "video/x-msvideo",
        WORD,
        SHEET,
        SLIDES,
        OLD_WORD,
        OLD_SHEET,
        OLD_SLIDES,
        ZIP,
    }
)


def canonical(content_type: str) -> str:
    """The one name of a type that has several, in lower case."""
    plain = content_type.lower()
    return _CANONICAL.get(plain, plain)


def names_of(content_type: str) -> frozenset[str]:
    """All names of a type."""
    kind = canonical(content_type)
    return frozenset({kind, content_type.lower(), *_OTHER_NAMES.get(kind, "").split()})


def family(content_type: str) -> str:
    """The name under which a type's bytes are recognised: one for all that begin alike."""
    kind = canonical(content_type)
    return next((main for prefix, main in _OFFICE_FAMILIES if kind.startswith(prefix)), _ALIKE.get(kind, kind))


def is_textual(content_type: str) -> bool:
    """Whether the files of a type are text."""
    kind = canonical(content_type)
    return kind.startswith("text/") or kind in _TEXTUAL or kind.endswith(("+xml", "+json"))


def is_active(content_type: str) -> bool:
    """Whether the files of a textual type run when they are opened."""
    return canonical(content_type) in _ACTIVE


def is_recognisable(content_type: str) -> bool:
    """Whether a file of this type is surely recognised, by its signature or by what lies in it."""
    kind = family(content_type)
    return kind in _RECOGNISED or kind.startswith(OPEN_DOCUMENT)
