"""What is in the window."""

GOODS = (
    ("Umbrella", "12.50"),
    ("Tea & biscuits", "4.20"),
    ("Postcard", "0.80"),
)
