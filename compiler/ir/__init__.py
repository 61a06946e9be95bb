"""The intermediate representation: networks of populations and projections, at three levels.

`network` and `program` hold the data, `ops` the meaning of every operation, `connections/` one linear
map per file, `print`, `parse` and `text.lark` the text form, `verify` the rules of every level.
"""
