"""The artifact: a folder with the network, its tensors, its programs and a manifest that vouches for every file.

Written complete or not at all, with nothing in it that changes between two compiles (semantics 20). Read as
untrusted: sizes and hashes are checked before a file is used, nothing is unpickled, no path leaves the folder.
"""

from compiler.artifact.layout import LARGEST_FILE, MANIFEST, is_artifact, json_bytes, sha256
from compiler.artifact.reading import read
from compiler.artifact.running import Artifact, engine_of
from compiler.artifact.writing import check_destination, opened, write, write_files

__all__ = ["LARGEST_FILE", "MANIFEST", "Artifact", "check_destination", "engine_of", "is_artifact", "json_bytes",
           "opened", "read", "sha256", "write", "write_files"]
