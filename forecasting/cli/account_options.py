"""Options of a backtest's costs and account; the defaults are those of `Costs` and `AccountTerms`.

They are written down here once more, for whoever asks for help need not wait for NumPy; a test
compares them.
"""

from typing import Annotated, Literal

import typer

COSTS, ACCOUNT = "Costs", "Account"

CostBps = Annotated[
    float,
    typer.Option(
        help="Commission, bps of traded notional.", min=0, max=1000, rich_help_panel=COSTS
    ),
]
SlippageBps = Annotated[
    float,
    typer.Option(
        help="Half the spread where it is fixed, bps of traded notional.",
        min=0,
        max=1000,
        rich_help_panel=COSTS,
    ),
]
Spread = Annotated[
    Literal["fixed", "bucket", "estimated"],
    typer.Option(
        help="Half the spread: fixed; 1, 3 or 10 bps by traded money; or estimated from high, low "
        "and close.",
        rich_help_panel=COSTS,
    ),
]
Impact = Annotated[
    float,
    typer.Option(
        help="Y of the impact Y * volatility * sqrt(notional / mean traded money); 0: none.",
        min=0,
        max=10,
        rich_help_panel=COSTS,
    ),
]
ParticipationCap = Annotated[
    float,
    typer.Option(
        help="Largest order a bar, share of the mean traded money; the rest waits. 0: no cap.",
        min=0,
        max=1,
        rich_help_panel=COSTS,
    ),
]
Capital = Annotated[
    float,
    typer.Option(help="Cash at the first bar, in the prices' currency.", rich_help_panel=ACCOUNT),
]
WholeShares = Annotated[
    bool,
    typer.Option(
        "--whole-shares", help="Round orders towards zero to whole shares.", rich_help_panel=ACCOUNT
    ),
]
CashYield = Annotated[
    float, typer.Option(help="Earned on cash, decimal a year.", rich_help_panel=ACCOUNT)
]
FinancingRate = Annotated[
    float, typer.Option(help="Paid on borrowed cash, decimal a year.", rich_help_panel=ACCOUNT)
]
BorrowFee = Annotated[
    float,
    typer.Option(help="Paid on shares sold short, decimal a year.", rich_help_panel=ACCOUNT),
]
MarginLimit = Annotated[
    float,
    typer.Option(help="Largest gross exposure, share of equity.", rich_help_panel=ACCOUNT),
]
DelistingReturn = Annotated[
    float,
    typer.Option(
        help="Return from the last price to what a delisted ticker pays; -0.3 after failures.",
        rich_help_panel=ACCOUNT,
    ),
]
Execution = Annotated[
    Literal["auto", "next_open", "next_close"],
    typer.Option(help="Where an order is filled; auto: the open if there is one."),
]
