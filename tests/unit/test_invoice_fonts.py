"""The invoice is rendered with its own fonts, whatever fonts the machine has."""

import os
import subprocess
import sys

from weasyprint.text.ffi import ffi, fontconfig

from common.invoice import ASSETS


def test_fontconfig_finds_only_own_fonts() -> None:
    """Fontconfig finds the fonts of the invoice and no others."""
    config = ffi.gc(fontconfig.FcInitLoadConfigAndFonts(), fontconfig.FcConfigDestroy)
    fonts = fontconfig.FcConfigGetFonts(config, fontconfig.FcSetSystem)
    assert fonts.nfont == len(list((ASSETS / "fonts").glob("*.ttf"))) == 2


def test_render_without_home_prints_nothing() -> None:
    """Rendering without a home directory prints no warning."""
    # Fontconfig and Pango write their complaints to the error output themselves.
    script = (
        "from common.invoice import render_pdf; assert render_pdf('<title>T</title><p>R 1.00</p>').startswith(b'%PDF-')"
    )
    environment = {**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ASSETS.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
