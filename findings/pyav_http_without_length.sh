#!/usr/bin/env bash
# PyAV 18.1.0 and 19.0.2 (FFmpeg 8 and later): a video over HTTP whose server does not say how long it is (no
# Content-Length, the connection is closed at the end, as HTTP/1.0 allows) does not end, it fails: after the last packet
# av raises OSError 5, "Input/output error", and the pictures that the decoder still holds (2 of 30 here) are lost.
# Guess before: it ends as a file does, with 30 pictures. The same bytes from a file do.
# What helps: take errno EIO for the end where `container.size` is not above 0, and flush the decoder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import errno
import http.server
import threading

import av
import numpy as np

with av.open("clip.ts", "w", format="mpegts") as out:
    stream = out.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    rng = np.random.default_rng(0)
    for _ in range(30):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))))
    out.mux(stream.encode(None))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        with open("clip.ts", "rb") as file:
            self.wfile.write(file.read())

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def pictures(source):
    count, number = 0, None
    try:
        with av.open(source) as container:
            for _ in container.decode(video=0):
                count += 1
    except OSError as error:
        number = error.errno
    return count, number


from_file, from_server = pictures("clip.ts"), pictures(f"http://127.0.0.1:{server.server_port}/clip.ts")
print(f"av {av.__version__}: file {from_file}, server without Content-Length {from_server}")
assert from_file == (30, None)
assert from_server == (28, errno.EIO)
PYTHON
