//! Row 31: the end of the program itself.
