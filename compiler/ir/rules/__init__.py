"""The rules of a network, one small function each; its name says what it demands. Found by importing the files."""
