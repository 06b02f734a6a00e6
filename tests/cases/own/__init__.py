"""Our own wire cases, one file for each family of the shared cases."""

from tests.cases.case import Case
from tests.cases.own import chunks, connection, fields, host, length, limits, request_line, transfer_encoding, upgrade

FAMILIES = (request_line, host, fields, length, transfer_encoding, chunks, limits, connection, upgrade)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]
