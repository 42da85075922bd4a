"""Green Button (NAESB REQ.21 ESPI): Atom feeds of usage points and their interval readings, read and written.

codes.py what its numbers mean · feed.py the feed as a stream · links.py what belongs to what · read.py its values as
rows · clockrules.py daylight saving as ESPI writes it · scale.py values as whole numbers · write.py rows as a feed
"""
