"""What a cloud withstands: attacks with a victim beside them, and many streams of many peers. On loopback alone."""
