"""Cross-products in one pass over tables, Parquet files and DuckDB relations, and the file that a site can send."""
