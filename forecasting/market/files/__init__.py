"""Prices in CSV and Parquet files of many layouts."""
