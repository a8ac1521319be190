-- Which key encrypts: "primary key" in meta, which keys.go writes. Documents
-- begin with the id of their key from here on, which an older asr can't read.

DELETE FROM meta WHERE name = 'primary key';
