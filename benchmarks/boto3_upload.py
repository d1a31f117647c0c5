"""`python -m benchmarks.boto3_upload FILE`: boto3's `upload_file`, with the endpoint in `PEER_ENDPOINT`."""

from __future__ import annotations

import os
import sys

from benchmarks.peers import boto3_client

if __name__ == "__main__":
    client = boto3_client(
        os.environ["PEER_ENDPOINT"], os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    )
    client.upload_file(sys.argv[1], "bucket", "video.mp4")
